/** The bounds of one run: each says which failure would be worse without it. */

/** Model calls of one run. A model that keeps asking for tools would otherwise cost without end. */
export const MAX_ROUNDS = 8;

/** Calls of one round that are worked on; more come back with an error output. */
export const MAX_CALLS_PER_ROUND = 16;

/** Time for one tool call, in milliseconds: longer than the statement timeout, which ends the query itself. */
export const TOOL_TIMEOUT_MS = 10_000;

/** Time for one statement of a tool, in milliseconds. */
export const TOOL_STATEMENT_TIMEOUT_MS = 8_000;

/**
 * How long OpenAI may be silent before its first event, in milliseconds. It says that it has begun before it thinks: who is
 * not heard by then is away, and a person waits for the call that is made instead.
 */
export const MODEL_FIRST_EVENT_TIMEOUT_MS = 30_000;

/** How long a model may be silent between two events, and a server of one's own before the first, in milliseconds. */
export const MODEL_IDLE_TIMEOUT_MS = 60_000;

/** How long one model call may take in all, in milliseconds. */
export const MODEL_TOTAL_TIMEOUT_MS = 300_000;

/** How often the model is asked again in all rounds of one attempt at a run: with the waits below, what lasts some eight seconds is bridged. */
export const MAX_MODEL_RETRIES = 4;

/** The longest wait before the model is asked again for the first time, in milliseconds; it doubles with each failure. */
export const MODEL_RETRY_WAIT_MS = 1_000;

/** The longest wait that a server may ask for, in seconds: a person would rather be told than wait longer. */
export const MAX_RETRY_AFTER_SECONDS = 20;

/** Failed calls in a row that open the circuit: more than one run makes, so that one run alone shuts nobody out. */
export const CIRCUIT_FAILURES = 8;

/**
 * How long an open circuit lets no call through, in milliseconds; it doubles with each trial that fails, up to the longest.
 * Short at first: most outages are a moment, and until then everybody who asks is turned away.
 */
export const CIRCUIT_OPEN_MS = 2_000;
export const MAX_CIRCUIT_OPEN_MS = 60_000;

/** Tokens of one model call, reasoning included: several times the longest answer that staff would read. */
export const MAX_OUTPUT_TOKENS = 16_000;

/** Characters of one answer: more is no answer to a question over the counter. */
export const MAX_ANSWER_CHARACTERS = 100_000;

/** Characters of one call's arguments, and levels of lists and objects in each other: a tool takes a few words. */
export const MAX_ARGUMENTS_CHARACTERS = 16_000;
export const MAX_ARGUMENTS_LEVELS = 32;

/** Items of one answer, calls among them: each is stored. */
export const MAX_ANSWER_ITEMS = 1_000;

/** Characters of a tool's output that go to the model: a page of figures is far smaller. */
export const MAX_OUTPUT_CHARACTERS = 60_000;

/** Messages, and characters of them, that go into the history; whole runs are left out from the oldest. */
export const MAX_HISTORY_MESSAGES = 100;
export const MAX_HISTORY_CHARACTERS = 60_000;

/** How often a run is begun, after which it has failed: a run that kills its process would otherwise do so for ever. */
export const MAX_ATTEMPTS = 3;

/** How often a run is begun at all, the attempts included that were no fault of its own: nobody waits for one for ever. */
export const MAX_BEGINNINGS = 20;

/**
 * How long a run that was begun too often waits for word of its last worker, in milliseconds: that may live, and be about to
 * say that it only lost the database.
 */
export const UNCOUNTED_GRACE_MS = 2_000;

/** Runs that one process works on side by side. They wait for the network mostly; each holds some memory. */
export const MAX_RUNS_PER_PROCESS = 256;

/** Pause between two stores of the text so far, in milliseconds: of all runs of a process together, at most five a second. */
export const TEXT_STORE_INTERVAL_MS = 200;
