/**
 * A strict local stand-in of OpenAI's Responses API: a real HTTP server on loopback whose lines are written by a `Responder`.
 *
 * It refuses what OpenAI refuses and records what it accepted. It owns the server and the records, and knows nothing of
 * shops, threads or Telegram.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { ApiRefusal, invalidRequest, usualErrorBody } from "./api-refusal.ts";
import { checkRequest, parseBody } from "./check-request.ts";
import { createIssuedReasoning, type IssuedReasoning } from "./issued-reasoning.ts";
import { createRequestLog, type RequestLog } from "./request-log.ts";
import { type Exchange, type Pacing, type SentListener, sendRefusal, sendTurn } from "./send-turn.ts";
import type { ModelRequest, Responder } from "./turn.ts";

export interface ModelStandInOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** When given, another key is refused with 401. */
  readonly apiKey?: string;
  readonly answer: Responder;
  /** Default: everything at once. */
  readonly pacing?: Pacing;
  /** Hears of each event of a stream just before it goes into the socket: for who measures how late it is shown. */
  readonly onSent?: SentListener;
}

/** A request that was refused before the responder saw it. */
interface RefusedRequest {
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  /** What was sent, as far as it was JSON. */
  readonly body: unknown;
}

export interface ModelStandIn {
  /** For `OPENAI_BASE_URL`, ends with `/v1`. */
  readonly url: string;
  /** Accepted requests, oldest first; at most the latest thousand. */
  readonly requests: readonly ModelRequest[];
  /** Requests refused by the stand-in itself, oldest first. */
  readonly refused: readonly RefusedRequest[];
  /** What responders threw and whatever else broke here, oldest first: above all a script without a turn for a request. */
  readonly unexpected: readonly unknown[];
  /** The accepted request with this number (from 1), now or when it comes. Rejects when the stand-in closes first. */
  waitForRequest(number: number): Promise<ModelRequest>;
  /** Ends open answers and stops listening. */
  close(): Promise<void>;
}

/** Model that `GET /v1/models` names. Any other name is taken too. */
const LISTED_MODEL = "gpt-6-luna";

export async function createModelStandIn(options: ModelStandInOptions): Promise<ModelStandIn> {
  const desk: Desk = {
    options,
    log: createRequestLog(),
    reasoning: createIssuedReasoning(),
    refused: [],
    unexpected: [],
  };
  const server = createServer((request, response) => void serve(desk, request, response));
  await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${portOf(server)}/v1`,
    requests: desk.log.requests,
    refused: desk.refused,
    unexpected: desk.unexpected,
    waitForRequest: desk.log.waitFor,
    close: () => close(server, desk.log),
  };
}

/** Everything one stand-in works with. */
interface Desk {
  readonly options: ModelStandInOptions;
  readonly log: RequestLog;
  readonly reasoning: IssuedReasoning;
  readonly refused: RefusedRequest[];
  readonly unexpected: unknown[];
}

function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", resolve);
  return promise;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The stand-in's server has no port.");
  return address.port;
}

async function close(server: Server, log: RequestLog): Promise<void> {
  log.close();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}

async function serve(desk: Desk, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  let body: unknown = null;
  try {
    response.setHeader("x-request-id", `req_${crypto.randomUUID().replaceAll("-", "")}`);
    const bytes = await readAll(incoming);
    needKey(desk.options.apiKey, incoming.headers.authorization);
    if (needRoute(incoming) === "models") return sendModels(response);
    body = parseBody(bytes);
    checkRequest(body);
    if (typeof body.input !== "string") desk.reasoning.check(body.input);
    await answer(desk, desk.log.open(body, incoming, response));
  } catch (error) {
    refuse(desk, { error, body, response });
  }
}

async function readAll(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function needKey(apiKey: string | undefined, authorization: string | undefined): void {
  if (apiKey === undefined || authorization === `Bearer ${apiKey}`) return;
  throw new ApiRefusal(401, usualErrorBody(401).error);
}

function needRoute(incoming: IncomingMessage): "responses" | "models" {
  const path = new URL(incoming.url ?? "/", "http://127.0.0.1").pathname;
  if (incoming.method === "POST" && path === "/v1/responses") return "responses";
  if (incoming.method === "GET" && path === "/v1/models") return "models";
  const { body } = invalidRequest(`Invalid URL (${incoming.method} ${path})`, null);
  throw new ApiRefusal(404, body);
}

function sendModels(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  const model = { id: LISTED_MODEL, object: "model", created: 0, owned_by: "stand-in" };
  response.end(JSON.stringify({ object: "list", data: [model] }));
}

const INSTANT: Pacing = { firstTokenMs: 0, tokensPerSecond: "instant" };

async function answer(desk: Desk, exchange: Exchange): Promise<void> {
  const { pacing, onSent } = desk.options;
  try {
    const turn = await Promise.race([askResponder(desk, exchange), exchange.gone]);
    exchange.request.signal.throwIfAborted();
    if (!turn) return;
    if ("status" in turn) return sendRefusal(exchange, turn);
    const played = await sendTurn(exchange, turn, { pacing: pacing ?? INSTANT, onSent });
    desk.reasoning.remember(played.output);
  } catch (error) {
    // Nobody is there to be told: the client hung up, or the stand-in closes.
    if (exchange.request.signal.aborted) return;
    exchange.markEnded();
    throw error;
  }
}

/** What the responder throws is a fault of the script: recorded, and told in a way that no client retries. */
async function askResponder(desk: Desk, { request }: Exchange) {
  try {
    return await desk.options.answer(request);
  } catch (error) {
    desk.unexpected.push(error);
    const message = error instanceof Error ? error.message : String(error);
    return {
      status: 500,
      headers: { "x-should-retry": "false" },
      body: { error: { message, type: "server_error", param: null, code: "stand_in_script" } },
    };
  }
}

interface Failure {
  readonly error: unknown;
  readonly body: unknown;
  readonly response: ServerResponse;
}

function refuse(desk: Desk, { error, body, response }: Failure): void {
  if (!(error instanceof ApiRefusal)) {
    desk.unexpected.push(error);
    response.destroy();
    return;
  }
  desk.refused.push({ status: error.status, message: error.message, param: error.body.param, body });
  sendRefusal({ response, markEnded: () => undefined }, { status: error.status, body: { error: error.body } });
}
