/**
 * The model: one call of OpenAI's Responses API, streamed. Only this file, its stream and its faults know `openai`.
 *
 * Stateless (`store: false`): each call sends the whole input, which every compatible server understands. It knows nothing
 * of runs or tools: items in, items out. It makes one call: `retry.ts` repeats it, and `circuit.ts` may prevent it.
 */
import OpenAI, { APIError } from "openai";
import type { ResponseCreateParamsStreaming, ResponseInputItem } from "openai/resources/responses/responses";
import {
  MAX_OUTPUT_TOKENS,
  MODEL_FIRST_EVENT_TIMEOUT_MS,
  MODEL_IDLE_TIMEOUT_MS,
  MODEL_TOTAL_TIMEOUT_MS,
} from "../limits.ts";
import { createDeadline } from "./deadline.ts";
import { withoutKey } from "./error.ts";
import { explain } from "./fault.ts";
import { withOwnIds } from "./item-ids.ts";
import { readStream, type StreamedAnswer } from "./stream.ts";

export type { ModelFault } from "./error.ts";

export interface ModelTool {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

export interface ModelRequest {
  instructions: string;
  input: object[];
  tools: ModelTool[];
  /** False: the model must answer without tools. */
  mayCallTools: boolean;
  /** The key of the provider's prompt cache: the thread's id. */
  cacheKey: string;
  /** A hash of the asker, at most 64 characters; never a Telegram id. Null for none. */
  safetyIdentifier: string | null;
}

/** The answer of one model call. The ids of its tool calls are unique, also among those of the input. */
export interface ModelAnswer extends StreamedAnswer {
  /** The parameters of the call besides input and tools, by the provider's names. */
  settings: ModelSettings;
}

export interface ModelSettings {
  readonly max_output_tokens: number;
  /** `none`: it had to answer without a tool. */
  readonly tool_choice: "auto" | "none";
}

export interface Model {
  readonly name: string;
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
  /** Silence before the first event; `MODEL_FIRST_EVENT_TIMEOUT_MS` for OpenAI, `idleTimeoutMs` for any other server. */
  firstEventTimeoutMs?: number;
  /** Silence between two events. */
  idleTimeoutMs?: number;
  totalTimeoutMs?: number;
  /** How long a server may take to end its stream after its last event; 50 ms when left out. */
  lingerMs?: number;
}

const LINGER_MS = 50;

/** A model behind OpenAI's Responses API or a server that speaks it. */
export function createModel(options: ModelOptions): Model {
  const { idleTimeoutMs = MODEL_IDLE_TIMEOUT_MS, totalTimeoutMs = MODEL_TOTAL_TIMEOUT_MS } = options;
  // Another server may have to load the model first, and may process the question slowly.
  const ownFirstEventTimeoutMs = options.baseUrl === null ? MODEL_FIRST_EVENT_TIMEOUT_MS : idleTimeoutMs;
  const { firstEventTimeoutMs = ownFirstEventTimeoutMs, lingerMs = LINGER_MS } = options;
  const client = new OpenAI({
    // The SDK requires some key, also for a server that needs none.
    apiKey: options.apiKey ?? "none",
    baseURL: options.baseUrl ?? "https://api.openai.com/v1",
    // Limits only the wait for the headers of the response: the deadline limits the whole call.
    timeout: totalTimeoutMs,
    maxRetries: 0,
    logLevel: "off",
  });
  const open = createOpenStream(client, options.name);

  return {
    name: options.name,
    async answer(request, { signal, onText }) {
      const deadline = createDeadline({ firstEventTimeoutMs, idleTimeoutMs, totalTimeoutMs, signal });
      try {
        const stream = await open(request, deadline.signal);
        const answer = await readStream(stream, { onText, onEvent: deadline.renew, lingerMs, signal: deadline.signal });
        return { ...withOwnIds(answer, request.input), settings: settingsOf(request) };
      } catch (error) {
        signal.throwIfAborted();
        throw withoutKey(deadline.fault() ?? explain(error), options.apiKey);
      } finally {
        deadline.clear();
      }
    },
  };
}

/** Encrypted reasoning is a feature of OpenAI: a server that refuses the request for it is not asked for it again. */
function createOpenStream(client: OpenAI, model: string) {
  let asksForReasoning = true;
  return async (request: ModelRequest, signal: AbortSignal) => {
    try {
      return await client.responses.create(toParameters(model, request, asksForReasoning), { signal });
    } catch (error) {
      if (!asksForReasoning || !isAboutInclude(error)) throw error;
      const stream = await client.responses.create(toParameters(model, request, false), { signal });
      asksForReasoning = false;
      return stream;
    }
  };
}

function toParameters(model: string, request: ModelRequest, asksForReasoning: boolean): ResponseCreateParamsStreaming {
  return {
    model,
    stream: true,
    store: false,
    instructions: request.instructions,
    // Our items have the API's types, and the model's items are sent back as they arrived.
    input: request.input.filter(isReplayable) as ResponseInputItem[],
    tools: request.tools.map((tool) => ({ type: "function", strict: true, ...tool })),
    ...settingsOf(request),
    prompt_cache_key: request.cacheKey,
    ...(request.safetyIdentifier ? { safety_identifier: request.safetyIdentifier } : {}),
    ...(asksForReasoning ? { include: ["reasoning.encrypted_content" as const] } : {}),
  };
}

function settingsOf({ mayCallTools }: ModelRequest): ModelSettings {
  return { max_output_tokens: MAX_OUTPUT_TOKENS, tool_choice: mayCallTools ? "auto" : "none" };
}

/** The provider stores nothing: it refuses a reasoning item without its encrypted content. */
function isReplayable(item: object): boolean {
  return (
    !("type" in item && item.type === "reasoning") ||
    ("encrypted_content" in item && typeof item.encrypted_content === "string")
  );
}

function isAboutInclude(error: unknown): boolean {
  return (
    error instanceof APIError &&
    error.status === 400 &&
    [error.param, error.message].some((text) => typeof text === "string" && /include|encrypted_content/.test(text))
  );
}
