/**
 * The model: one call of OpenAI's Responses API, streamed. The only importer of `openai`.
 *
 * Stateless (`store: false`): the whole input goes along each time, as every compatible server understands it. It knows
 * nothing of runs or tools: items in, items out.
 */
import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from "openai";
import type {
  Response,
  ResponseCreateParamsStreaming,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseStreamEvent,
} from "openai/resources/responses/responses";
import type { RoundUsage } from "../db/queries/runs.ts";
import { AppError } from "../errors.ts";
import { withoutSecrets } from "../logger.ts";
import { MAX_ANSWER_CHARACTERS, MAX_OUTPUT_TOKENS, MODEL_IDLE_TIMEOUT_MS, MODEL_TOTAL_TIMEOUT_MS } from "./limits.ts";

export type ModelFault =
  | "MODEL_UNREACHABLE"
  | "MODEL_UNAVAILABLE"
  | "MODEL_RATE_LIMITED"
  | "MODEL_QUOTA"
  | "MODEL_REFUSED_KEY"
  | "MODEL_REFUSED_REQUEST"
  | "MODEL_FAILED"
  | "MODEL_STREAM_BROKEN"
  | "MODEL_SILENT"
  | "MODEL_TIMEOUT"
  | "MODEL_TOO_LONG";

/** The model gave no answer. The message is our own words and what the provider said, fit for a log and an admin. */
export class ModelError extends AppError {
  override readonly code: ModelFault;

  constructor(code: ModelFault, message: string) {
    super(withoutSecrets(message));
    this.code = code;
  }
}

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
}

/** A model behind OpenAI's Responses API or a server that speaks it. */
export function createModel(options: ModelOptions): Model {
  const { idleTimeoutMs = MODEL_IDLE_TIMEOUT_MS, totalTimeoutMs = MODEL_TOTAL_TIMEOUT_MS } = options;
  const client = new OpenAI({
    // The SDK wants some key, also for a server that asks for none.
    apiKey: options.apiKey ?? "none",
    baseURL: options.baseUrl ?? "https://api.openai.com/v1",
    // Bounds only the wait for the response's headers: the deadlines below bound the stream.
    timeout: idleTimeoutMs,
    logLevel: "off",
  });
  // Encrypted reasoning is OpenAI's own: a server that refuses to be asked for it is not asked again.
  let asksForReasoning = true;
  const open = async (request: ModelRequest, signal: AbortSignal) => {
    try {
      return await client.responses.create(toParameters(options.name, request, asksForReasoning), { signal });
    } catch (error) {
      if (!asksForReasoning || !isAboutInclude(error)) throw error;
      asksForReasoning = false;
      return await client.responses.create(toParameters(options.name, request, false), { signal });
    }
  };

  return {
    name: options.name,
    async answer(request, { signal, onText }) {
      const deadline = createDeadline({ idleTimeoutMs, totalTimeoutMs, signal });
      try {
        const stream = await open(request, deadline.signal);
        return await readStream(stream, { onText, onEvent: deadline.renew, signal: deadline.signal });
      } catch (error) {
        signal.throwIfAborted();
        throw deadline.fault() ?? explain(error);
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
  signal: AbortSignal;
}

async function readStream(stream: AsyncIterable<ResponseStreamEvent>, reader: StreamReader): Promise<ModelAnswer> {
  const items: ResponseOutputItem[] = [];
  const write = createTextWriter(reader.onText);
  for await (const event of stream) {
    reader.onEvent();
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        write(event.item_id, event.delta);
        break;
      case "response.output_item.done":
        items.push(event.item);
        break;
      case "response.completed":
        return toAnswer(event.response, items, { status: "completed" });
      case "response.incomplete":
        return toAnswer(event.response, items, {
          status: "incomplete",
          reason: event.response.incomplete_details?.reason ?? "unknown",
        });
      case "response.failed":
        throw toFailure(event.response);
      // The SDK throws some forms of this event itself, and hands on others.
      case "error":
        throw new ModelError(
          event.code === "insufficient_quota" ? "MODEL_QUOTA" : "MODEL_FAILED",
          `The model failed: ${event.message}`,
        );
    }
  }
  // The SDK ends the loop silently when it is aborted and when the server closes early.
  reader.signal.throwIfAborted();
  throw new ModelError("MODEL_STREAM_BROKEN", "The model's stream ended without a terminal event.");
}

/** Sets text items apart by a blank line, and ends an answer that would not end by itself. */
function createTextWriter(onText: (delta: string) => void): (itemId: string, delta: string) => void {
  let current: string | null = null;
  let length = 0;
  return (itemId, delta) => {
    if (delta === "") return;
    if (current !== null && current !== itemId) onText("\n\n");
    current = itemId;
    length += delta.length;
    if (length > MAX_ANSWER_CHARACTERS) {
      throw new ModelError("MODEL_TOO_LONG", `The answer is longer than ${MAX_ANSWER_CHARACTERS} characters.`);
    }
    // PostgreSQL stores no NUL; nothing else is changed.
    onText(delta.replaceAll("\0", "\uFFFD"));
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

function toFailure(response: Response): ModelError {
  const { code, message } = response.error ?? { code: "unknown", message: "no reason given" };
  const fault = code === "rate_limit_exceeded" ? "MODEL_RATE_LIMITED" : "MODEL_FAILED";
  return new ModelError(fault, `The model failed (${code}): ${message}`);
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
  if (error.code === "insufficient_quota") return "MODEL_QUOTA";
  // An `error` event in the stream has no status.
  if (error.status === undefined) return "MODEL_FAILED";
  if (error.status === 401 || error.status === 403) return "MODEL_REFUSED_KEY";
  if (error.status === 429) return "MODEL_RATE_LIMITED";
  return error.status >= 500 ? "MODEL_UNAVAILABLE" : "MODEL_REFUSED_REQUEST";
}

function causeOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `${error.message} (${cause.message})` : error.message;
}

/** A signal that aborts with the caller's, after silence, and at the latest after the total time. */
function createDeadline(options: { idleTimeoutMs: number; totalTimeoutMs: number; signal: AbortSignal }) {
  const controller = new AbortController();
  let fault: ModelError | null = null;
  const expire = (code: ModelFault, message: string) => () => {
    fault = new ModelError(code, message);
    controller.abort(fault);
  };
  const onIdle = expire("MODEL_SILENT", `The model was silent for ${options.idleTimeoutMs / 1000} s.`);
  let idle = setTimeout(onIdle, options.idleTimeoutMs);
  const total = setTimeout(
    expire("MODEL_TIMEOUT", `The model took longer than ${options.totalTimeoutMs / 1000} s.`),
    options.totalTimeoutMs,
  );
  return {
    signal: AbortSignal.any([options.signal, controller.signal]),
    fault: () => fault,
    renew() {
      clearTimeout(idle);
      idle = setTimeout(onIdle, options.idleTimeoutMs);
    },
    clear() {
      clearTimeout(idle);
      clearTimeout(total);
    },
  };
}
