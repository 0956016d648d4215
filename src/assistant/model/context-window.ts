/** The tokens of the model's window, as far as the server tells them: in its list of models, or with an error. */
import type OpenAI from "openai";
import { MODEL_LIST_TIMEOUT_MS } from "../limits.ts";
import { isRecord, recordOf } from "./json.ts";

export interface ContextWindow {
  /** Asks the server once, and waits for its answer. Null when it does not tell. Never rejects. */
  tokens(): Promise<number | null>;
  /** What is known now. */
  known(): number | null;
  /** The server refused an input because of this limit. */
  learn(tokens: number): void;
}

/** `isOpenAi`: OpenAI's list of models says nothing of their windows, so it is not asked. */
export function createContextWindow(
  client: OpenAI,
  { model, isOpenAi }: { model: string; isOpenAi: boolean },
): ContextWindow {
  let known: number | null = null;
  const learn = (tokens: number) => {
    known = Math.min(known ?? tokens, tokens);
  };
  const ask = async () => {
    try {
      const listed = findWindow(await client.get("/models", { timeout: MODEL_LIST_TIMEOUT_MS }), model);
      if (listed !== null) learn(listed);
    } catch {
      // Many servers have no such list. Their errors about long inputs tell as much.
    }
  };
  let asked: Promise<void> | null = null;
  return {
    async tokens() {
      asked ??= isOpenAi ? Promise.resolve() : ask();
      await asked;
      return known;
    },
    known: () => known,
    learn,
  };
}

/**
 * The window of a model in a list of models. The field is `max_model_len` with vLLM, `context_length` with OpenRouter,
 * `context_window` with Groq, `max_context_length` with Mistral and LM Studio, which also tells what it has loaded, and
 * `meta.n_ctx_train` with llama.cpp.
 */
export function findWindow(list: unknown, model: string): number | null {
  const { data, models } = recordOf(list);
  const entries = [data, models].flatMap((each) => (Array.isArray(each) ? each.filter(isRecord) : []));
  const named = entries.filter(({ id, name, model: own }) => [id, name, own].some((each) => isNameOf(each, model)));
  const entry = named[0] ?? (entries.length === 1 ? entries[0] : undefined);
  if (!entry) return null;
  const meta = recordOf(entry.meta);
  const [loaded, ...told] = [
    entry.loaded_context_length ?? meta.n_ctx ?? entry.n_ctx,
    recordOf(entry.top_provider).context_length,
    ...["max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens"].map(
      (field) => entry[field],
    ),
    meta.n_ctx_train,
  ].map((value) => (Number.isSafeInteger(value) && Number(value) >= 256 ? Number(value) : null));
  if (typeof loaded === "number") return loaded;
  const windows = told.filter((each) => each !== null);
  return windows.length === 0 ? null : Math.min(...windows);
}

/** Some servers list names with a prefix: `models/gemini-3-flash`. */
function isNameOf(listed: unknown, model: string): boolean {
  return (
    typeof listed === "string" && (listed === model || listed.endsWith(`/${model}`) || listed === `${model}:latest`)
  );
}
