/**
 * The words of the model stand-in: a request as a responder sees it, and the turn it answers with.
 *
 * Types only. It knows nothing of HTTP sockets or of how events are written.
 */

/** One item of `input`, in any of its forms: a message, a function call, its output or a reasoning item. */
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

/** A function tool as the Responses API takes it: flat, not nested as in chat completions. */
interface FunctionTool {
  readonly type: "function";
  readonly name: string;
  readonly description?: string | null;
  readonly parameters?: Readonly<Record<string, unknown>> | null;
  readonly strict?: boolean | null;
}

/** A body that passed every check of the stand-in. */
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

/** An accepted request. Kept for assertions and handed to the responder. */
export interface ModelRequest {
  /** 1 for the first accepted request of this stand-in. A retry by the client is a request of its own. */
  readonly number: number;
  readonly body: ModelRequestBody;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** True once the client has hung up before the answer ended. */
  readonly aborted: boolean;
  /** Settles when the client hangs up before the answer ended; else never. */
  readonly whenAborted: Promise<void>;
  /** Aborts when nobody waits for the answer any more: the client hung up or the stand-in closes. */
  readonly signal: AbortSignal;
}

export type Phase = "commentary" | "final_answer";

/** A piece is streamed as one delta, exactly as it is. A promise among pieces is waited for. */
export type TextPiece = string | PromiseLike<unknown>;

export type TurnPart =
  /**
   * One assistant message. A string is split into tokens that join to it exactly; pieces are streamed as given, each asked
   * for when the one before is sent (so a generator may make a promise for its own pace).
   */
  | { readonly kind: "text"; readonly text: string | Iterable<TextPiece>; readonly phase?: Phase }
  /** One function call. An object becomes JSON; a string goes out as it is, valid JSON or not. */
  | { readonly kind: "call"; readonly name: string; readonly arguments: string | object; readonly callId?: string }
  /** One reasoning item. `encrypted_content` goes out only when the request includes `reasoning.encrypted_content`. */
  | { readonly kind: "reasoning"; readonly summary?: string; readonly encryptedContent?: string }
  /** An assistant message that is a refusal. */
  | { readonly kind: "refusal"; readonly text: string }
  /** Nothing is sent until the promise settles. */
  | { readonly kind: "wait"; readonly until: PromiseLike<unknown> };

/** How a turn ends. Any ending but `completed` cuts the last part short; a `wait` as last part leaves all items whole. */
export type Ending =
  | { readonly kind: "completed" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "incomplete"; readonly reason: "max_output_tokens" | "content_filter" }
  /** `nested` puts the facts under `error`, as the service is seen to do besides the documented flat form. */
  | { readonly kind: "error-event"; readonly code: string; readonly message: string; readonly nested?: boolean }
  /** The connection is destroyed. */
  | { readonly kind: "drop" }
  /** Nothing more comes and nothing ends until the client hangs up. */
  | { readonly kind: "silence" }
  /** The response ends cleanly, without a terminal event. */
  | { readonly kind: "early-end" }
  /** An event whose data is no JSON, then a clean end. */
  | { readonly kind: "malformed" };

/** An answer by status instead of a stream. Without `body` it is the error body usual for the status. */
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

/** Answers one request. What it throws becomes HTTP 500 and is recorded in `standIn.unexpected`. */
export type Responder = (request: ModelRequest) => Turn | Promise<Turn>;
