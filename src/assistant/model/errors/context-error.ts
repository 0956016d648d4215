/** How servers say that the input is longer than the model's window: codes and wordings of OpenAI, llama.cpp, vLLM, Ollama and others. */

/** What such an error tells: both are null when the server does not say. */
export interface ContextError {
  /** Tokens that the window has. */
  limit: number | null;
  /** Tokens that the input had. */
  asked: number | null;
}

const CODES: ReadonlySet<unknown> = new Set([
  "context_length_exceeded",
  "exceed_context_size_error",
  "context_window_exceeded",
  "model_context_window_exceeded",
  "string_above_max_length",
  "request_too_large",
]);

const WORDINGS =
  /context[ _-]?(?:length|size|window|limit)|maximum (?:context|input|prompt|sequence|model) ?(?:length|tokens?)?|max_model_len|prompt (?:is )?too long|input (?:is )?too long|too many (?:input )?tokens|too large for model|exceeds? the (?:available )?(?:context|maximum (?:allowed )?(?:number of|input))|input token count|reduce the length|longer than the maximum|num_ctx|n_ctx/i;

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
  if (!CODES.has(error.code) && !CODES.has(error.type) && !WORDINGS.test(message)) return null;
  return {
    limit: countOrNull(error.n_ctx) ?? numberIn(message, LIMITS),
    asked: countOrNull(error.n_prompt_tokens) ?? numberIn(message, ASKED),
  };
}

const LIMITS = [
  /maximum (?:context|input|model|prompt|sequence) ?(?:length|size|window)?(?: of| is| \(?\w*\)?:?)? ?\(?(\d[\d,]*)/i,
  /(?:context|window) ?(?:length|size|window|limit)? ?(?:of|is|:|=|\()? ?\(?(\d[\d,]*)/i,
  />\s*(\d[\d,]*)/,
  /(?:limit|maximum|max)[^\d]{0,50}?(\d[\d,]*)/i,
];

const ASKED = [
  /(?:requested|resulted in|contains?|has|have|request \(|prompt \(|input \(|token count \(|too long:?) ?(?:about |at least )?(\d[\d,]*)/i,
  /requested[^\d]{0,20}(\d[\d,]*)/i,
  /(\d[\d,]*) (?:input |prompt )?tokens?\b[^.]{0,40}(?:exceed|>|longer)/i,
];

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
