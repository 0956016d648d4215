/**
 * Servers of Chat Completions that differ from OpenAI's: what they send besides, what they want back, and how they refuse.
 *
 * Taken from their documentation and from public issues about second rounds that fail.
 */
import { type ApiErrorBody, ApiRefusal } from "../api-refusal.ts";

/** `old-gateway`: one that knows only the parameters of 2023. */
export type Dialect = "openai" | "deepseek" | "gemini" | "mistral" | "old-gateway";

/** Parameters that a dialect does not know. A dot leads into the tools. */
const UNKNOWN: Readonly<Record<Dialect, readonly string[]>> = {
  openai: [],
  deepseek: ["max_completion_tokens", "prompt_cache_key", "safety_identifier"],
  gemini: ["prompt_cache_key", "safety_identifier"],
  mistral: ["stream_options", "max_completion_tokens", "prompt_cache_key", "safety_identifier"],
  "old-gateway": ["stream_options", "max_completion_tokens", "prompt_cache_key", "safety_identifier", "strict"],
};

/** Throws for a parameter that the dialect does not know, in its words. */
export function checkDialect(body: Readonly<Record<string, unknown>>, dialect: Dialect): void {
  const isSent = (name: string) =>
    name === "strict" ? JSON.stringify(body.tools ?? []).includes('"strict"') : body[name] !== undefined;
  const [unknown] = UNKNOWN[dialect].filter(isSent);
  if (unknown === undefined) return;
  if (dialect === "mistral") {
    throw new ApiRefusal(422, errorOf(`Extra inputs are not permitted: body.${unknown}`, unknown, "extra_forbidden"));
  }
  throw new ApiRefusal(400, errorOf(`Unrecognized request argument supplied: ${unknown}`, null, null));
}

function errorOf(message: string, param: string | null, code: string | null): ApiErrorBody {
  return { message, type: "invalid_request_error", param, code };
}

/** The body of a refusal, in the form that the dialect gives it. */
export function refusalBody(dialect: Dialect, status: number, error: ApiErrorBody): unknown {
  if (dialect === "gemini") return [{ error: { code: status, message: error.message, status: "INVALID_ARGUMENT" } }];
  if (dialect !== "mistral") return { error };
  if (status !== 422) return { object: "error", message: error.message, type: error.type, param: null, code: "1000" };
  return { detail: [{ type: error.code, loc: ["body", error.param], msg: "Extra inputs are not permitted" }] };
}
