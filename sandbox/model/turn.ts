/**
 * The types of the model stand-in: a request as a responder sees it, and the turn with which it answers.
 *
 * Types only. It knows nothing of HTTP sockets or of how events are written.
 */

import type { ChatRequestBody } from "./chat/check-chat-request.ts";

/** One item of `input`: a message, a function call, its output or a reasoning item. */
export interface InputItem {
  readonly type?: string;
  readonly id?: string | null;
  readonly role?: string;
  readonly content?: unknown;
  readonly phase?: Phase | null;
  readonly call_id?: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly output?: unknown;
  readonly summary?: unknown;
  readonly encrypted_content?: string | null;
}

/** A function tool of the Responses API: flat, not nested as in Chat Completions. */
interface FunctionTool {
  readonly type: "function";
  readonly name: string;
  readonly description?: string | null;
  readonly parameters?: Readonly<Record<string, unknown>> | null;
  readonly strict?: boolean | null;
}

/** A request body that passed all checks of the stand-in. */
export interface ModelRequestBody {
  readonly model: string;
  readonly input: string | readonly InputItem[];
  readonly instructions?: string | null;
  readonly stream?: boolean | null;
  readonly store?: boolean | null;
  readonly tools?: readonly FunctionTool[] | null;
  readonly include?: readonly string[] | null;
  readonly max_output_tokens?: number | null;
  readonly prompt_cache_key?: string | null;
  readonly safety_identifier?: string | null;
  readonly [parameter: string]: unknown;
}

/** An accepted request. The responder gets it, and it is recorded for assertions. */
export interface ModelRequest {
  /** 1 for the first accepted request of this stand-in. A client's retry is a separate request. */
  readonly number: number;
  readonly body: ModelRequestBody;
  /** The body as it was sent, for a request of Chat Completions: `body` is its translation. */
  readonly chatBody?: ChatRequestBody;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /**
   * The earliest time at which the client may have begun it: when it opened the connection, for the first request on a
   * connection, else when the headers arrived. A client that is frozen in between sends the rest much later.
   */
  readonly startedAtMs: number;
  /** True once the client has disconnected before the end of the response. */
  readonly aborted: boolean;
  /** Resolves when the client disconnects before the end of the response. */
  readonly whenAborted: Promise<void>;
  /** Aborts when the client disconnects or the stand-in closes. */
  readonly signal: AbortSignal;
}

export type Phase = "commentary" | "final_answer";

/** A string is streamed as one delta, unchanged. A promise between strings is awaited. */
export type TextPiece = string | PromiseLike<unknown>;

export type TurnPart =
  /**
   * One assistant message. A string is split into tokens. Pieces are streamed unchanged, and each is requested only after
   * the previous one was sent, so that a generator can set its own pace with promises.
   */
  | { readonly kind: "text"; readonly text: string | Iterable<TextPiece>; readonly phase?: Phase }
  /** One function call. An object is serialised as JSON; a string is sent unchanged, even if it is invalid JSON. */
  | { readonly kind: "call"; readonly name: string; readonly arguments: string | object; readonly callId?: string }
  /** One reasoning item. `encrypted_content` is sent only if the request includes `reasoning.encrypted_content`. */
  | { readonly kind: "reasoning"; readonly summary?: string; readonly encryptedContent?: string }
  /** An assistant message that is a refusal. */
  | { readonly kind: "refusal"; readonly text: string }
  /** Nothing is sent until the promise settles. */
  | { readonly kind: "wait"; readonly until: PromiseLike<unknown> };

/** How a turn ends. Any ending but `completed` cuts the last part short, unless the last part is a `wait`. */
export type Ending =
  | { readonly kind: "completed" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "incomplete"; readonly reason: "max_output_tokens" | "content_filter" }
  /** `nested` puts the fields under `error`, as the real service sometimes does instead of the documented flat form. */
  | { readonly kind: "error-event"; readonly code: string; readonly message: string; readonly nested?: boolean }
  /** The connection is destroyed. */
  | { readonly kind: "drop" }
  /** Nothing more is sent, and the connection stays open until the client disconnects. */
  | { readonly kind: "silence" }
  /** The response ends cleanly, without a terminal event. */
  | { readonly kind: "early-end" }
  /** An event with invalid JSON, then a clean end. */
  | { readonly kind: "malformed" };

/** An error response instead of a stream. Default `body`: OpenAI's usual error body for the status. */
export interface HttpRefusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface StreamedTurn {
  readonly parts: readonly TurnPart[];
  /** Default: completed. */
  readonly ending?: Ending;
}

export type Turn = StreamedTurn | HttpRefusal;

/** Answers one request. An error that it throws becomes HTTP 500 and is recorded in `standIn.unexpected`. */
export type Responder = (request: ModelRequest) => Turn | Promise<Turn>;
