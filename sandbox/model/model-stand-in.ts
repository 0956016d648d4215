/**
 * A strict local stand-in for OpenAI's Responses API, or for Chat Completions: a real HTTP server on loopback. A `Responder`
 * decides the answers.
 *
 * It refuses what OpenAI refuses and records what it accepted. It owns the server and the records, and knows nothing of
 * shops, threads or Telegram.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ApiRefusal, invalidRequest, usualErrorBody } from "./api-refusal.ts";
import { type ChatRequestBody, checkChatRequest } from "./chat/check-chat-request.ts";
import { createChunkWriter } from "./chat/chunks.ts";
import { toCompletion } from "./chat/completion.ts";
import { checkDialect, type Dialect, refusalBody } from "./chat/dialect.ts";
import { createSecondRounds, type SecondRounds } from "./chat/second-rounds.ts";
import { toModelRequest } from "./chat/to-input.ts";
import { checkRequest, parseBody } from "./check-request.ts";
import { createIssuedReasoning, type IssuedReasoning } from "./issued-reasoning.ts";
import { createRequestLog, type RequestLog } from "./request-log.ts";
import { inputTokensOf } from "./response-object.ts";
import { type ChatForm, type Exchange, type Pacing, type SentListener, sendRefusal, sendTurn } from "./send-turn.ts";
import type { ModelRequest, ModelRequestBody, Responder } from "./turn.ts";

export interface ModelStandInOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** If set, any other key is refused with 401. */
  readonly apiKey?: string;
  readonly answer: Responder;
  /** The API that it speaks: `responses` by default. It knows no path of the other one. */
  readonly api?: "responses" | "chat";
  /** Of Chat Completions: whose server it is like; `openai` by default. */
  readonly dialect?: Dialect;
  /** Tokens of the model's window: a longer request is refused. */
  readonly contextTokens?: number;
  /** A longer request is cut instead, without a word, as some servers do. */
  readonly cutsSilently?: boolean;
  /** More fields of the model in `GET /v1/models`, such as `max_model_len`. */
  readonly listed?: object;
  /** Default: everything at once. */
  readonly pacing?: Pacing;
  /** Called for each stream event just before it is written to the socket. Benchmarks measure latency with it. */
  readonly onSent?: SentListener;
}

/** A request that was refused before the responder saw it. */
interface RefusedRequest {
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  /** The parsed body; null if it was not JSON. */
  readonly body: unknown;
}

export interface ModelStandIn {
  /** A value for `OPENAI_BASE_URL`; ends with `/v1`. */
  readonly url: string;
  /** The newest 1,000 accepted requests, oldest first. */
  readonly requests: readonly ModelRequest[];
  /** Requests refused by the stand-in itself, oldest first. */
  readonly refused: readonly RefusedRequest[];
  /** Errors thrown by responders or inside the stand-in, oldest first. Usually a script has no turn for a request. */
  readonly unexpected: readonly unknown[];
  /** Resolves with the accepted request of this number (from 1). Rejects if the stand-in closes first. */
  waitForRequest(number: number): Promise<ModelRequest>;
  /** Ends open responses and stops listening. */
  close(): Promise<void>;
}

/** The model that `GET /v1/models` lists. Any other name is accepted too. */
const LISTED_MODEL = "gpt-6-luna";

export async function createModelStandIn(options: ModelStandInOptions): Promise<ModelStandIn> {
  const state: StandInState = {
    options,
    log: createRequestLog(),
    openedAtMs: new WeakMap(),
    reasoning: createIssuedReasoning(),
    secondRounds: createSecondRounds(options.dialect ?? "openai"),
    refused: [],
    unexpected: [],
  };
  const server = createServer((request, response) => void serve(state, request, response));
  server.on("connection", (socket) => state.openedAtMs.set(socket, Date.now()));
  await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${portOf(server)}/v1`,
    requests: state.log.requests,
    refused: state.refused,
    unexpected: state.unexpected,
    waitForRequest: state.log.waitFor,
    close: () => close(server, state.log),
  };
}

/** The state of one stand-in. */
interface StandInState {
  readonly options: ModelStandInOptions;
  readonly log: RequestLog;
  /** When connections were opened on which no request has arrived yet. */
  readonly openedAtMs: WeakMap<Socket, number>;
  readonly reasoning: IssuedReasoning;
  readonly secondRounds: SecondRounds;
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

async function serve(state: StandInState, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAtMs = state.openedAtMs.get(incoming.socket) ?? Date.now();
  state.openedAtMs.delete(incoming.socket);
  let body: unknown = null;
  try {
    response.setHeader("x-request-id", `req_${crypto.randomUUID().replaceAll("-", "")}`);
    const bytes = await readAll(incoming);
    checkApiKey(state.options.apiKey, incoming.headers.authorization);
    if (findRoute(incoming, state.options.api) === "models") return sendModels(response, state.options.listed);
    body = parseBody(bytes);
    const asked = state.options.api === "chat" ? readChatRequest(state, body) : readRequest(state, body);
    checkContext(state.options, asked.body);
    await answer(state, state.log.open({ ...asked, headers: incoming.headers, startedAtMs }, response));
  } catch (error) {
    refuse(state, { error, body, response });
  }
}

async function readAll(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function checkApiKey(apiKey: string | undefined, authorization: string | undefined): void {
  if (apiKey === undefined || authorization === `Bearer ${apiKey}`) return;
  throw new ApiRefusal(401, usualErrorBody(401).error);
}

interface Asked {
  readonly body: ModelRequestBody;
  readonly chatBody?: ChatRequestBody;
}

function readRequest(state: StandInState, body: unknown): Asked {
  checkRequest(body);
  if (typeof body.input !== "string") state.reasoning.check(body.input);
  return { body };
}

function readChatRequest({ options, secondRounds }: StandInState, body: unknown): Asked {
  checkChatRequest(body);
  checkDialect(body, options.dialect ?? "openai");
  secondRounds.check(body);
  return { body: toModelRequest(body), chatBody: body };
}

function checkContext({ api, contextTokens, cutsSilently }: ModelStandInOptions, body: ModelRequestBody): void {
  const tokens = inputTokensOf(body);
  if (contextTokens === undefined || cutsSilently || tokens <= contextTokens) return;
  // Only Chat Completions tells the numbers.
  const words =
    api === "chat"
      ? `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`
      : "Your input exceeds the context window of this model. Please adjust your input and try again.";
  throw invalidRequest(words, api === "chat" ? "messages" : "input", "context_length_exceeded");
}

function findRoute(incoming: IncomingMessage, api: "responses" | "chat" = "responses"): "answer" | "models" {
  const path = new URL(incoming.url ?? "/", "http://127.0.0.1").pathname;
  const answers = api === "chat" ? "/v1/chat/completions" : "/v1/responses";
  if (incoming.method === "POST" && path === answers) return "answer";
  if (incoming.method === "GET" && path === "/v1/models") return "models";
  const { body } = invalidRequest(`Invalid URL (${incoming.method} ${path})`, null);
  throw new ApiRefusal(404, body);
}

function sendModels(response: ServerResponse, listed: object = {}): void {
  response.writeHead(200, { "content-type": "application/json" });
  const model = { id: LISTED_MODEL, object: "model", created: 0, owned_by: "stand-in", ...listed };
  response.end(JSON.stringify({ object: "list", data: [model] }));
}

const INSTANT: Pacing = { firstTokenMs: 0, tokensPerSecond: "instant" };

async function answer(state: StandInState, exchange: Exchange): Promise<void> {
  const { pacing, onSent, contextTokens: maxInputTokens } = state.options;
  try {
    const turn = await Promise.race([askResponder(state, exchange), exchange.whenAborted]);
    exchange.request.signal.throwIfAborted();
    if (!turn) return;
    if ("status" in turn) return sendRefusal(exchange, turn);
    const chat = chatFormOf(exchange, state.options.dialect ?? "openai");
    const result = await sendTurn(exchange, turn, { pacing: pacing ?? INSTANT, onSent, maxInputTokens, chat });
    state.reasoning.remember(result.output);
    state.secondRounds.remember(result.output);
  } catch (error) {
    // Nobody waits for the response: the client disconnected, or the stand-in is closing.
    if (exchange.request.signal.aborted) return;
    exchange.markEnded();
    throw error;
  }
}

function chatFormOf({ request: { chatBody } }: Exchange, dialect: Dialect): ChatForm | undefined {
  if (!chatBody) return undefined;
  return { write: createChunkWriter(chatBody, dialect), whole: (result) => toCompletion(chatBody, result) };
}

/** An error thrown by the responder is a mistake in the script. It is recorded and answered so that no client retries. */
async function askResponder(state: StandInState, { request }: Exchange) {
  try {
    return await state.options.answer(request);
  } catch (error) {
    state.unexpected.push(error);
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

function refuse(state: StandInState, { error, body, response }: Failure): void {
  if (!(error instanceof ApiRefusal)) {
    state.unexpected.push(error);
    response.destroy();
    return;
  }
  state.refused.push({ status: error.status, message: error.message, param: error.body.param, body });
  const refused = refusalBody(state.options.dialect ?? "openai", error.status, error.body);
  sendRefusal({ response, markEnded: () => undefined }, { status: error.status, body: refused });
}
