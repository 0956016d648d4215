/**
 * The model: one call of OpenAI's Responses API, streamed. The only importer of `openai`.
 *
 * Stateless (`store: false`): the whole input goes along each time, as every compatible server understands it. It knows
 * nothing of runs or tools: items in, items out.
 */
import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from "openai";
import type { Stream } from "openai/core/streaming";
import type {
  Response,
  ResponseCreateParamsStreaming,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseStreamEvent,
} from "openai/resources/responses/responses";
import type { RoundUsage } from "../db/queries/run-steps.ts";
import { withOwnCallIds } from "./call-ids.ts";
import { MAX_OUTPUT_TOKENS, MODEL_IDLE_TIMEOUT_MS, MODEL_TOTAL_TIMEOUT_MS } from "./limits.ts";
import { createDeadline } from "./model-deadline.ts";
import { ModelError, type ModelFault, withoutKey } from "./model-error.ts";
import { createTextWriter } from "./model-text.ts";

export type { ModelFault } from "./model-error.ts";

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

/** What one model call brought. */
export interface ModelAnswer {
  /** `incomplete`: the model was cut short; `reason` is the provider's word for it, such as `max_output_tokens`. */
  outcome: { status: "completed" } | { status: "incomplete"; reason: string };
  /** Output items whole, reasoning included, as they must go back. */
  items: object[];
  /** Their ids are unlike each other and unlike those of the input. */
  calls: { callId: string; name: string; arguments: string }[];
  usage: RoundUsage | null;
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
  idleTimeoutMs?: number;
  totalTimeoutMs?: number;
  /** How long a server that has said all may take to end its stream; 50 ms when left out. */
  lingerMs?: number;
}

/** A model behind OpenAI's Responses API or a server that speaks it. */
export function createModel(options: ModelOptions): Model {
  const { idleTimeoutMs = MODEL_IDLE_TIMEOUT_MS, totalTimeoutMs = MODEL_TOTAL_TIMEOUT_MS } = options;
  const { lingerMs = LINGER_MS } = options;
  const client = new OpenAI({
    // The SDK wants some key, also for a server that asks for none.
    apiKey: options.apiKey ?? "none",
    baseURL: options.baseUrl ?? "https://api.openai.com/v1",
    // Bounds only the wait for the response's headers: the deadlines below bound the stream.
    timeout: idleTimeoutMs,
    fetch: fetchAndTellOfQuota,
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
      const deadline = createDeadline({ idleTimeoutMs, totalTimeoutMs, signal });
      try {
        const stream = await open(request, deadline.signal);
        const answer = await readStream(stream, { onText, onEvent: deadline.renew, lingerMs, signal: deadline.signal });
        return withOwnCallIds(answer, request.input);
      } catch (error) {
        signal.throwIfAborted();
        throw withoutKey(deadline.fault() ?? explain(error), options.apiKey);
      } finally {
        deadline.clear();
      }
    },
  };
}

/** The SDK would ask again after a 429 for want of credit, which never helps: its own header tells it not to. */
async function fetchAndTellOfQuota(url: string | URL | Request, init?: RequestInit): Promise<globalThis.Response> {
  const response = await fetch(url, init);
  if (response.status !== 429) return response;
  const body = await response.text();
  const headers = new Headers(response.headers);
  if (body.includes("insufficient_quota")) headers.set("x-should-retry", "false");
  return new globalThis.Response(body, { status: response.status, headers });
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
    tool_choice: request.mayCallTools ? "auto" : "none",
    max_output_tokens: MAX_OUTPUT_TOKENS,
    prompt_cache_key: request.cacheKey,
    ...(request.safetyIdentifier ? { safety_identifier: request.safetyIdentifier } : {}),
    ...(asksForReasoning ? { include: ["reasoning.encrypted_content" as const] } : {}),
  };
}

/** Nothing is stored at the provider, so a reasoning item that is only an id there means nothing, and is refused. */
function isReplayable(item: object): boolean {
  return (
    !("type" in item && item.type === "reasoning") || ("encrypted_content" in item && item.encrypted_content !== null)
  );
}

function isAboutInclude(error: unknown): boolean {
  return (
    error instanceof APIError &&
    error.status === 400 &&
    /include|encrypted_content/.test(`${error.param} ${error.message}`)
  );
}

interface StreamReader {
  onText(delta: string): void;
  onEvent(): void;
  lingerMs: number;
  signal: AbortSignal;
}

const LINGER_MS = 50;

/** Reads to the stream's own end: one that is left earlier loses its connection, and the next call pays for a new one. */
async function readStream(stream: Stream<ResponseStreamEvent>, reader: StreamReader): Promise<ModelAnswer> {
  const read = createEventReader(reader.onText);
  let answer: ModelAnswer | undefined;
  let linger: NodeJS.Timeout | undefined;
  try {
    for await (const event of stream) {
      reader.onEvent();
      answer ??= read(event);
      if (answer) linger ??= setTimeout(() => stream.controller.abort(), reader.lingerMs);
    }
  } catch (error) {
    // A connection that breaks when all is said takes nothing back.
    if (!answer) throw error;
  } finally {
    clearTimeout(linger);
  }
  if (answer) return answer;
  // The SDK ends the loop silently when it is aborted and when the server closes early.
  reader.signal.throwIfAborted();
  throw new ModelError("MODEL_STREAM_BROKEN", "The model's stream ended without a terminal event.");
}

/** Takes event by event; the terminal one makes the answer. */
function createEventReader(onText: (delta: string) => void): (event: ResponseStreamEvent) => ModelAnswer | undefined {
  const items: ResponseOutputItem[] = [];
  const writer = createTextWriter(onText);
  return (event) => {
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        writer.write(event.item_id, event.delta);
        return;
      case "response.output_item.done":
        items.push(event.item);
        return;
      case "response.completed":
        writer.end();
        return toAnswer(event.response, items, { status: "completed" });
      case "response.incomplete":
        writer.end();
        return toAnswer(event.response, items, {
          status: "incomplete",
          reason: event.response.incomplete_details?.reason ?? "unknown",
        });
      case "response.failed":
        throw toFailure(event.response.error);
      // The SDK throws some forms of this event itself, and hands on others.
      case "error":
        throw toFailure(event);
    }
  };
}

function toAnswer(response: Response, items: ResponseOutputItem[], outcome: ModelAnswer["outcome"]): ModelAnswer {
  const { usage } = response;
  return {
    outcome,
    items,
    calls: items
      .filter((item) => item.type === "function_call")
      .map((call) => ({ callId: call.call_id, name: call.name, arguments: call.arguments })),
    usage: usage
      ? {
          inputTokens: usage.input_tokens,
          cachedInputTokens: usage.input_tokens_details?.cached_tokens ?? 0,
          outputTokens: usage.output_tokens,
          reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? 0,
        }
      : null,
  };
}

function toFailure(error: { code: string | null; message: string } | null): ModelError {
  const { code, message } = error ?? { code: "unknown", message: "no reason given" };
  return new ModelError(faultByCode(code) ?? "MODEL_FAILED", `The model failed (${code}): ${message}`);
}

function faultByCode(code: string | null | undefined): ModelFault | undefined {
  if (code === "insufficient_quota") return "MODEL_QUOTA";
  return code === "rate_limit_exceeded" ? "MODEL_RATE_LIMITED" : undefined;
}

function explain(error: unknown): unknown {
  if (error instanceof ModelError) return error;
  if (error instanceof APIUserAbortError)
    return new ModelError("MODEL_STREAM_BROKEN", "The call of the model was aborted.");
  if (error instanceof APIConnectionError) {
    return new ModelError("MODEL_UNREACHABLE", `The model cannot be reached: ${causeOf(error)}`);
  }
  if (error instanceof APIError) return new ModelError(faultOf(error), `The model's server answered: ${error.message}`);
  if (error instanceof SyntaxError) return new ModelError("MODEL_STREAM_BROKEN", "The model's stream is malformed.");
  // What undici throws when the connection breaks in the middle of the stream.
  if (error instanceof TypeError || (error instanceof Error && "code" in error)) {
    return new ModelError("MODEL_STREAM_BROKEN", `The model's stream broke off: ${causeOf(error)}`);
  }
  return error;
}

function faultOf(error: InstanceType<typeof APIError>): ModelFault {
  const byCode = faultByCode(error.code);
  if (byCode) return byCode;
  // An `error` event in the stream has no status.
  if (error.status === undefined) return "MODEL_FAILED";
  if (error.status === 401 || error.status === 403) return "MODEL_REFUSED_KEY";
  if (error.status === 429) return "MODEL_RATE_LIMITED";
  return error.status >= 500 ? "MODEL_UNAVAILABLE" : "MODEL_REFUSED_REQUEST";
}

/** With the innermost cause: "fetch failed" alone says nothing. */
function causeOf(error: Error): string {
  let cause = error;
  while (cause.cause instanceof Error) cause = cause.cause;
  if (cause === error) return error.message;
  // Where each of several addresses failed, only the code says why.
  return `${error.message} (${cause.message || ("code" in cause ? cause.code : cause.name)})`;
}
