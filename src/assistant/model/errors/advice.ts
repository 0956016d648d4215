/** What the person who runs the server can do about a refusal by the model's server. */
import { ModelError } from "./error.ts";

/** What to do about a server that reads only a part of its input. */
export const ENLARGE_CONTEXT =
  "Enlarge its context (OLLAMA_CONTEXT_LENGTH for Ollama, --ctx-size for llama.cpp, the context length in LM Studio), or set OPENAI_CONTEXT_TOKENS.";

/** The server that was asked. */
export interface AskedServer {
  /** Null: not chosen. */
  api: "responses" | "chat" | null;
  baseUrl: string;
  /** Of the requests, below the base URL. */
  path: string;
  model: string;
}

/** The same error, whose message names the settings to look at. */
export function withAdvice(error: unknown, server: AskedServer): unknown {
  if (!(error instanceof ModelError)) return error;
  const advice = adviceFor(error, server);
  return advice === null ? error : new ModelError(error.code, `${error.message} ${advice}`, error);
}

function adviceFor({ status, code }: ModelError, { api, baseUrl, path, model }: AskedServer): string | null {
  const { origin, pathname } = new URL(baseUrl);
  if (code === "MODEL_UNREACHABLE") return `(${origin})`;
  if (status === null) return null;
  if (code === "MODEL_REFUSED_KEY") return `(${origin}: see OPENAI_API_KEY.)`;
  if (NOT_THERE.includes(status)) {
    const chat = api === null ? " A server that only speaks Chat Completions needs OPENAI_API=chat." : "";
    return `(${origin} has no ${pathname.replace(/\/$/, "")}${path}, or no model ${model}: see OPENAI_BASE_URL, OPENAI_MODEL.${chat})`;
  }
  return code === "MODEL_REFUSED_REQUEST" || code === "MODEL_QUOTA" ? `(${origin})` : null;
}

/** Not found, method not allowed, gone, not implemented. */
const NOT_THERE: readonly number[] = [404, 405, 410, 501];
