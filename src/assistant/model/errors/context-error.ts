/**
 * How servers say that the input is longer than the model's window, or than what they take at once: by a code, or in words. The
 * wordings that are known are in the test of this file.
 */

/** What such an error tells: both are null when the server does not say. */
export interface ContextError {
  /** Tokens that the window has. */
  limit: number | null;
  /** Tokens that were asked for: those of the input, or of the input and the answer. */
  asked: number | null;
}

const CODES: ReadonlySet<unknown> = new Set([
  "context_length_exceeded",
  "exceed_context_size_error",
  "context_window_exceeded",
  "model_context_window_exceeded",
  "request_too_large",
  "tokens_limit_reached",
]);

const WORDINGS = [
  /maximum (?:context|input|prompt|sequence|model) ?length/,
  /(?:exceed(?:s|ed|ing)?|larger than|longer than|greater than|too (?:long|large) (?:for|to fit))\b.{0,60}\b(?:(?:context|window)\b|(?:number of|model|input|prompt) tokens?|max length|maximum (?:allowed )?length \()/,
  /\b(?:context|context window) ?(?:length|size|window|limit)?(?: was| is| of only| has been)?[^.]{0,30} (?:exceed(?:s|ed)?|not enough|overflows?|tokens?\b)/,
  /context ?window ?exceeded/,
  /(?:prompt|input|request|conversation)\b(?: \([^)]*\)| body| entity)?(?: is| are)? too (?:long|large)\b/,
  /too many (?:input |prompt )?tokens|(?:input|prompt) tokens? exceeded/,
  /(?:input|prompt) token count\b.{0,30}\bexceeds/,
  /reduce the length of (?:the |your )?(?:messages?|prompt|input|either|conversation)/,
  /range of input length should be/,
  /`inputs` (?:tokens \+ `max_new_tokens` must be|must have less)/,
  /'(?:input|messages)[^']*': string too long/,
].map(({ source }) => new RegExp(source, "i"));

/**
 * @param error - the body's `error`, an event, or what the SDK made of them.
 * @returns null for any other error.
 */
export function readContextError(error: {
  code?: unknown;
  type?: unknown;
  message?: unknown;
  [field: string]: unknown;
}): ContextError | null {
  const message = typeof error.message === "string" ? error.message : "";
  const isOne =
    [error.code, error.type].some((word) => CODES.has(word)) || WORDINGS.some((words) => words.test(message));
  if (!isOne) return null;
  // An error's number, and a limit in characters.
  if (/exceeds limit \(\d+\)|string too long/i.test(message)) return { limit: null, asked: null };
  return {
    limit: countOrNull(error.n_ctx) ?? numberIn(message, LIMITS),
    asked: countOrNull(error.n_prompt_tokens) ?? numberIn(message, ASKED),
  };
}

/** The first one that is found counts: a sum, such as `190000 + 20000 > 200000`, names the limit last. */
const LIMITS = [
  /(\d[\d,]*) maximum\b/,
  /maximum (?:context|input|prompt|sequence|model) ?length(?: is| of|:)? \(?(\d[\d,]*)/,
  />=? ?(?:n_ctx: )?(\d[\d,]*)/,
  /(?:context|window) ?(?:length|size|window|limit)?(?: is| of only| of|:)? \(?(\d[\d,]*)/,
  /(?:maximum number of tokens allowed|maximum allowed length|token limit:|limit of|limit is|\blimit|<=|less than|cannot exceed|max size:|\[1,) \(?(\d[\d,]*)(?! ?\+)/,
].map(({ source }) => new RegExp(source, "i"));

const ASKED = [
  /requested:? (?:a total of |about )?(\d[\d,]*)/,
  /(?:resulted in|contains?|has|keep the first|current length is|received|given:|n_keep:|too long:|total length|token count of) (\d[\d,]*)/,
  /(?:\brequest|\bprompt|\binput(?: length)?|token count) \((?:length )?(\d[\d,]*)/,
].map(({ source }) => new RegExp(source, "i"));

function numberIn(message: string, patterns: readonly RegExp[]): number | null {
  for (const pattern of patterns) {
    const count = countOrNull(Number(pattern.exec(message)?.[1]?.replaceAll(",", "")));
    if (count !== null) return count;
  }
  return null;
}

/** Smaller windows and larger ones do not exist: such a number means something else. */
function countOrNull(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 256 && Number(value) <= 100_000_000 ? Number(value) : null;
}
