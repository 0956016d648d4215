/**
 * Sends a turn over HTTP: as a stream of events at a model's pace, as one JSON object, or as a refusal.
 *
 * It also plays how a connection goes wrong. What a turn says is decided elsewhere.
 */

import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { usualErrorBody } from "./api-refusal.ts";
import { isDelta, type StreamEvent } from "./stream-step.ts";
import type { Ending, HttpRefusal, ModelRequest, StreamedTurn } from "./turn.ts";
import { type PlayedTurn, turnSteps } from "./turn-steps.ts";

export interface Pacing {
  /** Before the first piece of a turn, in milliseconds. */
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number | "instant";
}

/** One request and the way to answer it. */
export interface Exchange {
  readonly request: ModelRequest;
  readonly response: ServerResponse;
  /** Resolves when `request.signal` aborts. */
  readonly gone: Promise<void>;
  /** To be called before the stand-in ends the connection itself, so that this is not taken for the client's doing. */
  readonly markEnded: () => void;
}

/** Hears of each event of a stream in the moment in which it is handed to the socket. */
export type SentListener = (request: ModelRequest, event: StreamEvent) => void;

/** How a turn is sent, the same for all turns of a stand-in. */
export interface Sending {
  readonly pacing: Pacing;
  readonly onSent?: SentListener | undefined;
}

/** Plays `turn` to its end. Throws the signal's reason when nobody waits for it any more. */
export async function sendTurn(exchange: Exchange, turn: StreamedTurn, sending: Sending): Promise<PlayedTurn> {
  const isStreaming = exchange.request.body.stream === true;
  const sendEvent = isStreaming ? createEventWriter(exchange, sending) : async () => undefined;
  if (isStreaming) startStream(exchange.response);
  const steps = turnSteps(turn, exchange.request.body);
  let next = steps.next();
  for (; !next.done; next = steps.next()) {
    if (next.value.kind === "event") await sendEvent(next.value.event);
    else await waitUnlessGone(exchange, next.value.until);
  }
  await end(exchange, turn.ending ?? { kind: "completed" }, next.value);
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

function createEventWriter(exchange: Exchange, { pacing, onSent }: Sending): (event: StreamEvent) => Promise<void> {
  const pause = createPacer(pacing, exchange.request.signal);
  let sequenceNumber = 0;
  return async (event) => {
    if (isDelta(event)) await pause();
    exchange.request.signal.throwIfAborted();
    const data = JSON.stringify({ ...event, sequence_number: sequenceNumber });
    sequenceNumber += 1;
    onSent?.(exchange.request, event);
    await write(exchange, `event: ${event.type}\ndata: ${data}\n\n`);
  };
}

/** Deadlines are counted from the first token, so that slow timers do not add up. */
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

/** Resolves when the text is with the operating system: a drop right after it loses nothing. */
function write(exchange: Exchange, text: string): Promise<void> {
  const written = new Promise<void>((resolve) => exchange.response.write(text, () => resolve()));
  return waitUnlessGone(exchange, written);
}

async function waitUnlessGone({ request, gone }: Exchange, until: PromiseLike<unknown>): Promise<void> {
  await Promise.race([until, gone]);
  request.signal.throwIfAborted();
}

/** Never settles: the wait for it ends when the client hangs up. */
const NEVER: Promise<never> = new Promise(() => undefined);

async function end(exchange: Exchange, ending: Ending, played: PlayedTurn): Promise<void> {
  const { response, request, markEnded } = exchange;
  if (ending.kind === "silence") return waitUnlessGone(exchange, NEVER);
  if (ending.kind === "drop") {
    markEnded();
    response.destroy();
    return;
  }
  if (ending.kind === "error-event" && request.body.stream !== true) return sendRefusal(exchange, { status: 500 });
  markEnded();
  if (!response.headersSent) response.writeHead(200, { "content-type": "application/json" });
  response.end(lastWords(ending, played, request.body.stream === true));
}

function lastWords(ending: Ending, played: PlayedTurn, isStreaming: boolean): string {
  if (ending.kind === "malformed") {
    const broken = '{"type":"response.output_text.delta","delta":';
    return isStreaming ? `event: response.output_text.delta\ndata: ${broken}\n\n` : broken;
  }
  if (isStreaming || ending.kind === "early-end") return "";
  return JSON.stringify(played.response);
}
