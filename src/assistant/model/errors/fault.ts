/** Makes a `ModelError` of what OpenAI's SDK throws and of what a server reports: which fault, and whether it may pass. */
import { APIConnectionError, APIError, APIUserAbortError } from "openai";
import { describeConnectionError } from "../../../process/connecting.ts";
import { recordOf, textOrNull } from "../json.ts";
import { type ContextError, readContextError } from "./context-error.ts";
import { ModelError, type ModelFault } from "./error.ts";

/** A thrown error as a `ModelError`. An error that has nothing to do with the model is returned as it is. */
export function explain(error: unknown): unknown {
  if (error instanceof ModelError) return error;
  if (error instanceof APIUserAbortError)
    return new ModelError("MODEL_STREAM_BROKEN", "The call of the model was aborted.");
  if (error instanceof APIConnectionError) {
    return new ModelError("MODEL_UNREACHABLE", `The model cannot be reached: ${causeOf(error)}`);
  }
  if (error instanceof APIError) return explainAnswer(error);
  if (error instanceof SyntaxError) return new ModelError("MODEL_STREAM_BROKEN", "The model's stream is malformed.");
  // What undici throws when the connection breaks during the stream.
  if (error instanceof TypeError || (error instanceof Error && "code" in error)) {
    return new ModelError("MODEL_STREAM_BROKEN", `The model's stream was interrupted: ${causeOf(error)}`);
  }
  return error;
}

/** A failure that the server reports within its stream. */
export function toFailure(error: unknown): ModelError {
  const fields = typeof error === "string" ? { message: error } : recordOf(error);
  const word = [fields.code, fields.type].map(textOrNull).find((each) => each !== null && each !== "error");
  const message = `The model failed (${word ?? "unknown"}): ${textOrNull(fields.message) ?? "no reason given"}`;
  const context = readContextError(fields);
  if (context) return new ModelError("MODEL_INPUT_TOO_LONG", message, { context });
  // Some gateways send the status of their own provider.
  const { code } = fields;
  const isStatus = typeof code === "number" && code >= 400 && code < 600;
  return isStatus ? new ModelError(faultByStatus(code), message) : failedWith(word, message);
}

/** A refusal of the request, with a status. */
function explainAnswer(error: InstanceType<typeof APIError>): ModelError {
  const { status } = error;
  const body = recordOf(error.error);
  const message = `The model's server answered ${error.message}`;
  const context = contextErrorOf(status, body);
  return new ModelError(context ? "MODEL_INPUT_TOO_LONG" : (faultByWord(body) ?? faultByStatus(status ?? 0)), message, {
    ...(error.headers?.get("x-should-retry") === "false" && { isTransient: false }),
    retryAfterSeconds: error.headers ? retryAfterSeconds(error.headers) : null,
    status: status ?? null,
    context,
  });
}

/** 413 says that the body is too large. 429 is too long only when the server says that no waiting helps. */
function contextErrorOf(status: number | undefined, body: Record<string, unknown>): ContextError | null {
  if (status === 413) return readContextError(body) ?? { limit: null, asked: null };
  const mayBe =
    [400, 422, 500].includes(status ?? 0) || (status === 429 && /^request too large/i.test(String(body.message)));
  return mayBe ? readContextError(body) : null;
}

/** Of these only `server_error` is known not to depend on the request. */
function failedWith(word: string | null | undefined, message: string): ModelError {
  const fault = faultByWord({ code: word });
  if (fault) return new ModelError(fault, message);
  return new ModelError("MODEL_FAILED", message, { isTransient: word === "server_error" });
}

function faultByWord({ code, type, message }: Record<string, unknown>): ModelFault | undefined {
  const words = [code, type];
  if (words.includes("insufficient_quota") || words.includes("billing_hard_limit_reached")) return "MODEL_QUOTA";
  if (/insufficient (?:balance|credits?|quota)|credit balance is too low/i.test(textOrNull(message) ?? ""))
    return "MODEL_QUOTA";
  return words.includes("rate_limit_exceeded") ? "MODEL_RATE_LIMITED" : undefined;
}

function faultByStatus(status: number): ModelFault {
  if (status === 401 || status === 403) return "MODEL_REFUSED_KEY";
  if (status === 402) return "MODEL_QUOTA";
  if (status === 429) return "MODEL_RATE_LIMITED";
  // A proxy that timed out, and a lock that the server did not get: the request itself was not refused.
  if (status === 408 || status === 409) return "MODEL_UNAVAILABLE";
  if (status === 501) return "MODEL_REFUSED_REQUEST";
  return status >= 500 ? "MODEL_UNAVAILABLE" : "MODEL_REFUSED_REQUEST";
}

function retryAfterSeconds(headers: Headers): number | null {
  const milliseconds = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (milliseconds >= 0) return milliseconds / 1_000;
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  if (!value.endsWith("GMT")) return null;
  // A date is by the server's clock, which may differ from ours.
  const seconds = (Date.parse(value) - (Date.parse(headers.get("date") ?? "") || Date.now())) / 1_000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}

/** The message, with that of the innermost cause: "fetch failed" alone says nothing. */
function causeOf(error: Error): string {
  let cause = error;
  while (cause.cause instanceof Error) cause = cause.cause;
  if (cause === error) return error.message;
  return `${error.message} (${describeConnectionError(cause)})`;
}
