/** The limits of one run. Each comment says what would go wrong without it. */

/** Model calls of one run. Without a limit, a model that keeps asking for tools would cost without end. */
export const MAX_ROUNDS = 8;

/** Calls of one round that are made. Further calls get an error output. */
export const MAX_CALLS_PER_ROUND = 16;

/** Time for one tool call, in milliseconds: longer than the statement timeout, which ends the query itself. */
export const TOOL_TIMEOUT_MS = 10_000;

/** Time for one statement of a tool, in milliseconds. */
export const TOOL_STATEMENT_TIMEOUT_MS = 8_000;

/**
 * How long OpenAI may be silent before its first event, in milliseconds. It sends that event before it starts to reason. A
 * server that has sent nothing by then is unavailable, and a person waits for the retry.
 */
export const MODEL_FIRST_EVENT_TIMEOUT_MS = 30_000;

/** How long a model may be silent between two events, in milliseconds. For a server other than OpenAI's, also before the first. */
export const MODEL_IDLE_TIMEOUT_MS = 60_000;

/** How long one model call may take in total, in milliseconds. */
export const MODEL_TOTAL_TIMEOUT_MS = 300_000;

/** Retries of model calls in all rounds of one attempt at a run. With the pauses below they bridge some eight seconds. */
export const MAX_MODEL_RETRIES = 4;

/** The longest pause before the first retry of a model call, in milliseconds. It doubles with each failure. */
export const MODEL_RETRY_WAIT_MS = 1_000;

/** The longest wait that a server may ask for, in seconds. For longer, a person would rather get an error at once. */
export const MAX_RETRY_AFTER_SECONDS = 20;

/** Failed calls in a row that open the circuit: more than one run makes, so that one run alone cannot open it. */
export const CIRCUIT_FAILURES = 8;

/**
 * How long an open circuit lets no call through, in milliseconds. It doubles with each failed trial, up to the maximum. Short
 * at first: most outages are short, and until the next trial every question fails.
 */
export const CIRCUIT_OPEN_MS = 2_000;
export const MAX_CIRCUIT_OPEN_MS = 60_000;

/** Tokens of one model call, reasoning included: several times the longest answer that staff would read. */
export const MAX_OUTPUT_TOKENS = 16_000;

/** Characters of one answer: nobody reads more over the counter. */
export const MAX_ANSWER_CHARACTERS = 100_000;

/**
 * Bytes of one response, with everything that is not shown: thinking, and events that tell things again. Without a limit, a
 * server that never ends would fill the memory.
 */
export const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/** Characters of one call's arguments, and how deep lists and objects may be nested: a tool takes a few words. */
export const MAX_ARGUMENTS_CHARACTERS = 16_000;
export const MAX_ARGUMENTS_LEVELS = 32;

/** Items of one answer, calls included: each is stored. */
export const MAX_ANSWER_ITEMS = 1_000;

/** Characters of a tool's output that the model gets: a page of figures is far smaller. */
export const MAX_OUTPUT_CHARACTERS = 60_000;

/**
 * Messages of the history, and their characters when nothing is known of the model's window. Whole runs are left out, the
 * oldest first.
 */
export const MAX_HISTORY_MESSAGES = 100;
export const MAX_HISTORY_CHARACTERS = 60_000;

/** Characters of each text that an earlier question quotes: it was answered. The newest one quotes all that is stored. */
export const MAX_EARLIER_QUOTE_CHARACTERS = 500;

/** Characters of one token, for a budget: English has some four, Vietnamese three, and figures fewer. */
export const CHARACTERS_PER_TOKEN = 3;

/**
 * A server that counts fewer tokens than this for an input has cut it without a word. No tokenizer has so few tokens for text.
 * Shorter inputs show nothing.
 */
export const MAX_CHARACTERS_PER_TOKEN = 10;
export const MIN_MEASURED_CHARACTERS = 8_000;

/** How long a server may take to list its models, in milliseconds: the person waits for it, once. */
export const MODEL_LIST_TIMEOUT_MS = 2_000;

/** Attempts at a run after which it fails. Without a limit, a run that crashes its process would do so forever. */
export const MAX_ATTEMPTS = 3;

/** Attempts in all, also those that do not count against the run: it must end some time. */
export const MAX_BEGINNINGS = 20;

/**
 * How long a run that reached `MAX_ATTEMPTS` waits for its last worker, in milliseconds. That worker may be alive, and about
 * to report that it only lost the database.
 */
export const UNCOUNTED_GRACE_MS = 2_000;

/** Runs that one process works on at once. They mostly wait for the network; each takes some memory. */
export const MAX_RUNS_PER_PROCESS = 256;

/** Pause between two writes of the text so far, in milliseconds. One write stores the texts of all runs of a process. */
export const TEXT_STORE_INTERVAL_MS = 200;
