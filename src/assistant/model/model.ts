/**
 * The model: one call of OpenAI's Responses API, streamed. Only it, its stream and its faults know `openai`.
 *
 * Stateless (`store: false`): the whole input goes along each time, as every compatible server understands it. It knows
 * nothing of runs or tools: items in, items out. It asks once: whether to ask again is `model-retry.ts`'s matter, and
 * whether to ask at all `model-circuit.ts`'s.
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
  /** False: the model has to answer with what it has. */
  mayCallTools: boolean;
  /** Keeps the provider's prompt cache warm: the thread's id. */
  cacheKey: string;
  /** A hash of the asker, at most 64 characters; never a Telegram id. Null for none. */
  safetyIdentifier: string | null;
}

/** What one model call brought. The ids of its calls are unlike each other and unlike those of the input. */
export interface ModelAnswer extends StreamedAnswer {
  /** What the model was asked with beside its input and its tools, by the provider's own names. */
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
   * Calls the model. `onText` gets each piece of text exactly as it comes, refusals too; a new text item after an earlier
   * one begins with a blank line.
   *
   * @throws {ModelError} on everything that is not an answer: also when a stream ends without a terminal event.
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
  /** Before the first event; `MODEL_FIRST_EVENT_TIMEOUT_MS` for OpenAI, `idleTimeoutMs` for any other server. */
  firstEventTimeoutMs?: number;
  /** Between two events. */
  idleTimeoutMs?: number;
  totalTimeoutMs?: number;
  /** How long a server that has said all may take to end its stream; 50 ms when left out. */
  lingerMs?: number;
}

const LINGER_MS = 50;

/** A model behind OpenAI's Responses API or a server that speaks it. */
export function createModel(options: ModelOptions): Model {
  const { idleTimeoutMs = MODEL_IDLE_TIMEOUT_MS, totalTimeoutMs = MODEL_TOTAL_TIMEOUT_MS } = options;
  // Another server may have to load the model first, and be slow to read the question.
  const ownFirstEventTimeoutMs = options.baseUrl === null ? MODEL_FIRST_EVENT_TIMEOUT_MS : idleTimeoutMs;
  const { firstEventTimeoutMs = ownFirstEventTimeoutMs, lingerMs = LINGER_MS } = options;
  const client = new OpenAI({
    // The SDK wants some key, also for a server that asks for none.
    apiKey: options.apiKey ?? "none",
    baseURL: options.baseUrl ?? "https://api.openai.com/v1",
    // Bounds only the wait for the response's headers: the deadlines below bound everything.
    timeout: totalTimeoutMs,
    maxRetries: 0,
    logLevel: "off",
  });
  // Encrypted reasoning is OpenAI's own: a server that refuses to be asked for it is not asked again.
  let asksForReasoning = true;
  const open = async (request: ModelRequest, signal: AbortSignal) => {
    try {
      return await client.responses.create(toParameters(options.name, request, asksForReasoning), { signal });
    } catch (error) {
      if (!asksForReasoning || !isAboutInclude(error)) throw error;
      const stream = await client.responses.create(toParameters(options.name, request, false), { signal });
      asksForReasoning = false;
      return stream;
    }
  };

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

function toParameters(model: string, request: ModelRequest, asksForReasoning: boolean): ResponseCreateParamsStreaming {
  return {
    model,
    stream: true,
    store: false,
    instructions: request.instructions,
    // Our own items are written as the API's types say, and the model's go back as they came.
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

/** Nothing is stored at the provider, so a reasoning item that is only an id there means nothing, and is refused. */
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
    [error.param, error.message].some((said) => typeof said === "string" && /include|encrypted_content/.test(said))
  );
}
