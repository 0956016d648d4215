/**
 * The one HTTP server: health, metrics, the admins' GraphQL and its page, Telegram's webhook, and in the sandbox its page.
 *
 * It listens first and is given its routes when they are there; until then it is not healthy. It only routes; what is answered is
 * the matter of those it routes to. What a caller without a valid token can ask for is bounded: in number here and in
 * `connections.ts`, in rate by each path.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StartupError } from "../errors.ts";
import { createRateLimiter, networkOf, type RateLimit, type RateLimiter } from "../process/rate-limiter.ts";
import { CONNECTION_LIMITS, type ConnectionLimits, watchConnections } from "./connections.ts";
import { isWellFormed, pathOf } from "./well-formed.ts";

export interface HttpOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  /** How long a connection may be idle, in milliseconds; `IDLE_MS` when left out. */
  idleMs?: number;
  /** `CONNECTION_LIMITS` when left out. */
  connectionLimits?: ConnectionLimits;
  /** For the rates, in milliseconds that never go back. */
  clock?: () => number;
  /** Hears of a handler that threw; the client gets 500 without a word of it. */
  onError(error: unknown): void;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * Answers what is its own, by the path as it stands in the request, and returns true; for anything else it returns false. Calls
 * `trust` for a request that brings a key.
 */
export type PageHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  trust: () => void,
) => boolean | Promise<boolean>;

export interface Routes {
  /** Whether the process takes messages: what `/healthz` says. */
  isReady(): boolean;
  graphql: Handler;
  /** The page and the files of GraphiQL: open to everybody, so limited here. */
  graphiql: PageHandler;
  /** Answers `/metrics`, to those who may read it. */
  metrics: Handler;
  /** Where Telegram brings updates to; null when they are fetched. */
  webhook: { path: string; handle: Handler } | null;
  /** The sandbox's page, which asks for its key. */
  sandbox: PageHandler | null;
}

export interface HttpServer {
  /** `http://host:port`, as a browser on this machine reaches it. */
  readonly address: string;
  /** From now on requests are answered by these. */
  serve(routes: Routes): void;
  /** The request brought a valid token, secret or key: its connection is not closed for another. */
  trust(request: IncomingMessage): void;
  /** Takes no more requests, ends what is open. May be called again. */
  close(): Promise<void>;
}

/** Longest time for one request to come in, in milliseconds: the largest body is 1 MB, the headers have 16 kB. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How often the two are looked at, in milliseconds. */
const TIMEOUT_LOOK_MS = 5_000;
/**
 * How long a connection may be idle, in milliseconds, also one that follows what happens: a comment goes out there
 * every 12 to 15 s, and a client that does not take it in for so long is gone.
 */
const IDLE_MS = 60_000;

/** Of pages and their files, and of what there is not, for one address: a browser asks for GraphiQL's six at once. */
const PAGE_LIMIT: RateLimit = { perSecond: 5, burst: 100 };
/**
 * Of health checks for one address. Far above any monitor, since a proxy may have the same address: what others ask through
 * it must not make this process look dead. An answer takes 0.1 ms.
 */
const HEALTH_LIMIT: RateLimit = { perSecond: 1_000, burst: 2_000 };

/** On every answer; a page has a policy of its own that lets its own files in. */
const SECURITY_HEADERS = new Map([
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["x-frame-options", "DENY"],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
]);

/** Listens. @throws {StartupError} when the port is taken or the host is not this machine's. */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { idleMs = IDLE_MS, connectionLimits = CONNECTION_LIMITS, clock = () => performance.now(), onError } = options;
  let routes: Routes | null = null;
  const seconds = () => clock() / 1_000;
  const limits = {
    pages: createRateLimiter(PAGE_LIMIT, seconds),
    health: createRateLimiter(HEALTH_LIMIT, seconds),
  };
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_LOOK_MS,
    // Looked at by ourselves: `isWellFormed`.
    requireHostHeader: false,
  });
  const connections = watchConnections(server, connectionLimits);
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    connections.inTurn({ request, response }, async () => {
      try {
        const trust = () => connections.trust(request);
        await answer({ request, response, routes, limits, idleMs, trust });
      } catch (error) {
        if (hasGone(request, error)) return void response.destroy();
        onError(error);
        if (!response.headersSent) sendText(response, 500, "Internal error\n");
        else response.destroy();
      }
    });
  server.on("request", onRequest);
  // With another `Expect` than 100-continue, which Node would answer by itself, past every limit.
  server.on("checkExpectation", onRequest);
  server.setTimeout(idleMs);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  let closed: Promise<unknown> | null = null;
  return {
    address: `http://${browsable(options.host)}:${port}`,
    serve(given) {
      routes = given;
    },
    trust: connections.trust,
    async close() {
      closed ??= new Promise((done) => server.close(done));
      server.closeAllConnections();
      connections.stop();
      await closed;
    },
  };
}

async function listen(server: ReturnType<typeof createServer>, options: HttpOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, options.host, resolve);
  await promise.catch((error: NodeJS.ErrnoException) => {
    throw explain(error, options);
  });
}

interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  /** Null while the process starts. */
  routes: Routes | null;
  limits: { pages: RateLimiter; health: RateLimiter };
  idleMs: number;
  trust(): void;
}

async function answer(visit: Visit): Promise<unknown> {
  const { request, response, routes, limits, trust } = visit;
  response.setHeaders(SECURITY_HEADERS);
  if (!isWellFormed(request)) return refuseMalformed(response);
  const path = pathOf(request);
  if (path === "/healthz") return isOver(limits.health, visit) || sendHealth(routes, response);
  if (!routes) return isOver(limits.pages, visit) || sendText(response, 503, "Starting: try again in a moment\n");
  if (path === "/metrics") return routes.metrics(request, response);
  if (path === routes.webhook?.path) return routes.webhook.handle(request, response);
  if (await routes.sandbox?.(request, response, path, trust)) return;
  if (path === "/graphql" && !isForBrowser(request)) return answerGraphql(visit, routes);
  if (isOver(limits.pages, visit)) return;
  if (await routes.graphiql(request, response, path, trust)) return;
  // Every browser asks for it; there is none.
  if (path === "/favicon.ico") return response.writeHead(204).end();
  if (path !== "/") return sendText(response, 404, "Not found\n");
  return response.writeHead(302, { location: routes.sandbox ? "/sandbox" : "/graphql" }).end();
}

/** The client went away while its request came in: nobody's fault. */
function hasGone(request: IncomingMessage, error: unknown): boolean {
  return (
    request.destroyed && !request.complete && error instanceof Error && "code" in error && error.code === "ECONNRESET"
  );
}

/** A browser that shows a page, and no program that asks. */
function isForBrowser({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.accept?.includes("text/html") === true;
}

async function answerGraphql({ request, response, idleMs }: Visit, { graphql }: Routes): Promise<void> {
  await graphql(request, response);
  // The GraphQL server takes the limit off while it answers, and a subscription goes on from here.
  request.socket.setTimeout(idleMs);
}

/** Whether the address has asked too often; then that is answered. */
function isOver(limiter: RateLimiter, { request, response }: Visit): boolean {
  const waitSeconds = Math.ceil(limiter.take(networkOf(request.socket.remoteAddress)));
  if (waitSeconds === 0) return false;
  response.setHeader("retry-after", String(waitSeconds));
  sendText(response, 429, `Too many requests from this address: ask again in ${waitSeconds} s\n`);
  return true;
}

/** Nothing in it can be relied on, and so not where the next request on the connection begins. */
function refuseMalformed(response: ServerResponse): void {
  response.writeHead(400, { connection: "close", "content-length": 0 }).end();
}

function sendHealth(routes: Routes | null, response: ServerResponse): void {
  const ready = routes?.isReady() ?? false;
  sendText(response, ready ? 200 : 503, ready ? "ok\n" : "not ready\n");
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }).end(text);
}

function explain(error: NodeJS.ErrnoException, { host, port }: HttpOptions): unknown {
  if (error.code === "EADDRINUSE") {
    return new StartupError(`Port ${port} is taken by another process: stop that one, or set PORT to a free one.`);
  }
  if (error.code === "EACCES")
    return new StartupError(`This user may not listen on port ${port}: set PORT to one above 1023.`);
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return new StartupError(
      `HOST ${host} is no address of this machine: 127.0.0.1 serves this machine, 0.0.0.0 everyone.`,
    );
  }
  return error;
}

function browsable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
