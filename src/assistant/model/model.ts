/**
 * The model: one call of a server that speaks OpenAI's Responses API or its Chat Completions, streamed. Only this folder knows
 * `openai`.
 *
 * Stateless: each call sends the whole input, which every compatible server understands. It knows nothing of runs or tools:
 * items in, items out. It makes one call: `retry.ts` repeats it, and `circuit.ts` may prevent it.
 */
import OpenAI from "openai";
import { MODEL_FIRST_EVENT_TIMEOUT_MS, MODEL_IDLE_TIMEOUT_MS, MODEL_TOTAL_TIMEOUT_MS } from "../limits.ts";
import { withOwnIds } from "./answer/item-ids.ts";
import type { StreamedAnswer } from "./answer/streamed-answer.ts";
import { createChatApi } from "./chat/chat-api.ts";
import { createContextWindow } from "./context-window.ts";
import { createDeadline } from "./deadline.ts";
import { withAdvice } from "./errors/advice.ts";
import { ModelError, withoutKey } from "./errors/error.ts";
import { fetchWithErrorBody } from "./errors/error-body.ts";
import { explain } from "./errors/fault.ts";
import { readAnswer } from "./event-stream.ts";
import type { ModelRequest } from "./model-api.ts";
import { createResponsesApi } from "./responses/responses-api.ts";
import { type ModelSettings, settingsOf } from "./settings.ts";

export type { ModelFault } from "./errors/error.ts";
export type { ModelRequest, ModelTool } from "./model-api.ts";

/** The answer of one model call. The ids of its tool calls are unique, also among those of the input. */
export interface ModelAnswer extends StreamedAnswer {
  /** The parameters of the call besides input and tools, by the provider's names. */
  settings: ModelSettings;
}

export interface Model {
  readonly name: string;
  /** Tokens of its window, as far as the server tells them; null when it does not. The server may be asked. Never rejects. */
  windowTokens?(): Promise<number | null>;
  /**
   * Calls the model. `onText` gets each piece of text exactly as it arrives, refusals included. A further text item begins
   * with a blank line.
   *
   * @throws {ModelError} on everything that is not an answer, also when a stream ends without a terminal event.
   * @throws the signal's reason when it aborts.
   */
  answer(
    request: ModelRequest,
    options: { signal: AbortSignal; onText: (delta: string) => void },
  ): Promise<ModelAnswer>;
}

export interface ModelOptions {
  apiKey: string | null;
  baseUrl: string | null;
  name: string;
  /** Null: not chosen, which is the Responses API. */
  api?: "responses" | "chat" | null;
  /** Silence before the first byte; `MODEL_FIRST_EVENT_TIMEOUT_MS` for OpenAI, `idleTimeoutMs` for any other server. */
  firstEventTimeoutMs?: number;
  /** Silence between two pieces of the stream. */
  idleTimeoutMs?: number;
  totalTimeoutMs?: number;
  /** How long a server may take to end its stream after its last event; 50 ms when left out. */
  lingerMs?: number;
}

const OPENAI_URL = "https://api.openai.com/v1";
const LINGER_MS = 50;

/** A model behind OpenAI's API or a server that speaks it. */
export function createModel(options: ModelOptions): Model {
  const { idleTimeoutMs = MODEL_IDLE_TIMEOUT_MS, totalTimeoutMs = MODEL_TOTAL_TIMEOUT_MS } = options;
  // Another server may have to load the model first, and may process the question slowly.
  const ownFirstEventTimeoutMs = options.baseUrl === null ? MODEL_FIRST_EVENT_TIMEOUT_MS : idleTimeoutMs;
  const { firstEventTimeoutMs = ownFirstEventTimeoutMs, lingerMs = LINGER_MS } = options;
  const baseUrl = options.baseUrl ?? OPENAI_URL;
  const client = new OpenAI({
    // The SDK requires some key, also for a server that needs none.
    apiKey: options.apiKey ?? "none",
    baseURL: baseUrl,
    // Limits only the wait for the headers of the response: the deadline limits the whole call.
    timeout: totalTimeoutMs,
    maxRetries: 0,
    logLevel: "off",
    fetch: fetchWithErrorBody,
  });
  const isOpenAi = options.baseUrl === null;
  const api =
    options.api === "chat"
      ? createChatApi(client, { model: options.name, isOpenAi })
      : createResponsesApi(client, options.name);
  const window = createContextWindow(client, { model: options.name, isOpenAi });
  const asked = { api: options.api ?? null, baseUrl, path: api.path, model: options.name };
  const thinking = { beginsBeforeText: false };

  return {
    name: options.name,
    windowTokens: window.tokens,
    async answer(request, { signal, onText }) {
      const deadline = createDeadline({ firstEventTimeoutMs, idleTimeoutMs, totalTimeoutMs, signal });
      try {
        const settings = settingsOf(request, window.known());
        const response = await api.open(request, settings, deadline.signal);
        const reader = api.createReader({ onText, tools: request.tools.map(({ name }) => name), thinking });
        const answer = await readAnswer(response, reader, {
          onBytes: deadline.renew,
          lingerMs,
          signal: deadline.signal,
        });
        return { ...withOwnIds(answer, request.input), settings };
      } catch (error) {
        signal.throwIfAborted();
        const fault = withAdvice(deadline.fault() ?? explain(error), asked);
        if (fault instanceof ModelError && fault.context?.limit) window.learn(fault.context.limit);
        throw withoutKey(fault, options.apiKey);
      } finally {
        deadline.clear();
      }
    },
  };
}
