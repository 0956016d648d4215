/**
 * Sends a turn over HTTP: as a stream of events at a model's pace, as one JSON object, or as an error response.
 *
 * It also simulates connection failures. The contents of a turn are decided elsewhere.
 */

import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { usualErrorBody } from "./api-refusal.ts";
import { isDelta, type StreamEvent } from "./stream-step.ts";
import type { Ending, HttpRefusal, ModelRequest, StreamedTurn } from "./turn.ts";
import { type TurnResult, turnSteps } from "./turn-steps.ts";

export interface Pacing {
  /** Delay before the first piece of a turn, in milliseconds. */
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number | "instant";
}

/** One request and its response. */
export interface Exchange {
  readonly request: ModelRequest;
  readonly response: ServerResponse;
  /** Resolves when `request.signal` aborts. */
  readonly whenAborted: Promise<void>;
  /** Must be called before the stand-in itself ends the connection; otherwise that counts as a client's disconnect. */
  readonly markEnded: () => void;
}

/** Called for each stream event just before it is written to the socket. */
export type SentListener = (request: ModelRequest, event: StreamEvent) => void;

/** How turns are sent; the same for all turns of a stand-in. */
export interface Sending {
  readonly pacing: Pacing;
  readonly onSent?: SentListener | undefined;
  /** Input tokens that count as read at most. */
  readonly maxInputTokens?: number | undefined;
  /** How a request of Chat Completions is answered; left out for the Responses API. */
  readonly chat?: ChatForm | undefined;
}

/** The form of an answer of Chat Completions. */
export interface ChatForm {
  /** The lines that tell an event; empty for none. */
  write(event: StreamEvent): string;
  /** The answer without streaming. */
  whole(result: TurnResult): object;
}

/** Sends `turn` to its end. Throws the signal's reason when the client disconnects or the stand-in closes. */
export async function sendTurn(exchange: Exchange, turn: StreamedTurn, sending: Sending): Promise<TurnResult> {
  const isStreaming = exchange.request.body.stream === true;
  const sendEvent = isStreaming ? createEventWriter(exchange, sending) : async () => undefined;
  if (isStreaming) startStream(exchange.response);
  const steps = turnSteps(turn, exchange.request.body, sending.maxInputTokens);
  let next = steps.next();
  for (; !next.done; next = steps.next()) {
    if (next.value.kind === "event") await sendEvent(next.value.event);
    else await waitUnlessAborted(exchange, next.value.until);
  }
  await end(exchange, turn.ending ?? { kind: "completed" }, { result: next.value, chat: sending.chat });
  return next.value;
}

/** Answers with a status and a JSON body. */
export function sendRefusal(
  { response, markEnded }: Pick<Exchange, "response" | "markEnded">,
  refusal: HttpRefusal,
): void {
  markEnded();
  response.writeHead(refusal.status, { "content-type": "application/json", ...refusal.headers });
  response.end(JSON.stringify(refusal.body ?? usualErrorBody(refusal.status)));
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
  response.flushHeaders();
}

function createEventWriter(exchange: Exchange, sending: Sending): (event: StreamEvent) => Promise<void> {
  const { chat, onSent, pacing } = sending;
  const pause = createPacer(pacing, exchange.request.signal);
  let sequenceNumber = 0;
  return async (event) => {
    if (isDelta(event)) await pause();
    exchange.request.signal.throwIfAborted();
    const data = JSON.stringify({ ...event, sequence_number: sequenceNumber });
    sequenceNumber += 1;
    onSent?.(exchange.request, event);
    const lines = chat ? chat.write(event) : `event: ${event.type}\ndata: ${data}\n\n`;
    if (lines !== "") await write(exchange, lines);
  };
}

/** Deadlines count from the first token, so that timer delays do not accumulate. */
function createPacer({ firstTokenMs, tokensPerSecond }: Pacing, signal: AbortSignal): () => Promise<void> {
  let sent = 0;
  let startedAtMs = 0;
  return async () => {
    if (sent === 0) {
      if (firstTokenMs > 0) await delay(firstTokenMs, undefined, { signal });
      startedAtMs = performance.now();
    } else if (tokensPerSecond !== "instant") {
      const dueInMs = startedAtMs + (sent * 1_000) / tokensPerSecond - performance.now();
      if (dueInMs > 0) await delay(dueInMs, undefined, { signal });
    }
    sent += 1;
  };
}

/** Resolves when the operating system has the text: a connection drop right after it loses nothing. */
function write(exchange: Exchange, text: string): Promise<void> {
  const written = new Promise<void>((resolve) => exchange.response.write(text, () => resolve()));
  return waitUnlessAborted(exchange, written);
}

async function waitUnlessAborted({ request, whenAborted }: Exchange, until: PromiseLike<unknown>): Promise<void> {
  await Promise.race([until, whenAborted]);
  request.signal.throwIfAborted();
}

/** Never settles: the wait ends when the client disconnects. */
const NEVER: Promise<never> = new Promise(() => undefined);

interface Ended {
  result: TurnResult;
  chat: ChatForm | undefined;
}

async function end(exchange: Exchange, ending: Ending, ended: Ended): Promise<void> {
  const { response, request, markEnded } = exchange;
  if (ending.kind === "silence") return waitUnlessAborted(exchange, NEVER);
  if (ending.kind === "drop") {
    markEnded();
    response.destroy();
    return;
  }
  if (ending.kind === "error-event" && request.body.stream !== true) return sendRefusal(exchange, { status: 500 });
  markEnded();
  if (!response.headersSent) response.writeHead(200, { "content-type": "application/json" });
  response.end(finalBytes(ending, ended, request.body.stream === true));
}

function finalBytes(ending: Ending, { chat, result }: Ended, isStreaming: boolean): string {
  if (ending.kind === "malformed" && chat) return 'data: {"choices":[{"delta":{"content":\n\n';
  if (ending.kind === "malformed") {
    const broken = '{"type":"response.output_text.delta","delta":';
    return isStreaming ? `event: response.output_text.delta\ndata: ${broken}\n\n` : broken;
  }
  if (isStreaming || ending.kind === "early-end") return "";
  return JSON.stringify(chat ? chat.whole(result) : result.response);
}
