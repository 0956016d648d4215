/**
 * Which handler answers a request, by the path exactly as it was sent.
 *
 * It limits health checks and pages, which need no token. The other handlers limit callers without a token themselves.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRateLimiter, networkOf, type RateLimit, type RateLimiter } from "../process/rate-limiter.ts";
import { sendText } from "./send-text.ts";
import { isWellFormed, pathOf } from "./well-formed.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * Answers requests for its own paths and returns true; returns false for any other path. Calls `trust` for a request with a
 * valid key.
 */
export type PageHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  trust: () => void,
) => boolean | Promise<boolean>;

export interface Routes {
  /** Whether the process accepts messages; the answer of `/healthz`. */
  isReady(): boolean;
  graphql: Handler;
  /** The page and the files of GraphiQL. They are public, so the router limits them. */
  graphiql: PageHandler;
  /** Answers `/metrics`, and checks the token. */
  metrics: Handler;
  /** Where Telegram sends updates; null when the bot polls. */
  webhook: { path: string; handle: Handler } | null;
  /** The sandbox's page, which checks its key. */
  sandbox: PageHandler | null;
}

export interface RouterOptions {
  /** Milliseconds that never go back, for the rate limits. */
  clock: () => number;
  /** How long a connection may be idle, in milliseconds. */
  idleTimeoutMs: number;
  /** Trusts the request's connection. */
  trust(request: IncomingMessage): void;
}

export interface Router {
  /** Sets the routes. Until then the process is not healthy, and requests get 503. */
  serve(routes: Routes): void;
  answer(request: IncomingMessage, response: ServerResponse): Promise<unknown>;
}

/** Per address, for pages with their files and for unknown paths. A browser asks for six files of GraphiQL at once. */
const PAGE_LIMIT: RateLimit = { perSecond: 5, burst: 100 };
/**
 * Per address, for health checks. Far above any monitor, since a proxy may have the same address: other clients of the proxy
 * must not make this process look dead. An answer takes 0.1 ms.
 */
const HEALTH_LIMIT: RateLimit = { perSecond: 1_000, burst: 2_000 };

/** On every answer. Pages replace the policy with one that allows their own files. */
const SECURITY_HEADERS = new Map([
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["x-frame-options", "DENY"],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
]);

export function createRouter({ clock, idleTimeoutMs, trust }: RouterOptions): Router {
  let routes: Routes | null = null;
  const seconds = () => clock() / 1_000;
  const limits = {
    pages: createRateLimiter(PAGE_LIMIT, seconds),
    health: createRateLimiter(HEALTH_LIMIT, seconds),
  };
  return {
    serve(given) {
      routes = given;
    },
    answer: (request, response) =>
      route({ request, response, routes, limits, idleTimeoutMs, trust: () => trust(request) }),
  };
}

interface RequestContext {
  request: IncomingMessage;
  response: ServerResponse;
  /** Null while the process starts. */
  routes: Routes | null;
  limits: { pages: RateLimiter; health: RateLimiter };
  idleTimeoutMs: number;
  trust(): void;
}

async function route(context: RequestContext): Promise<unknown> {
  const { request, response, routes, limits, trust } = context;
  response.setHeaders(SECURITY_HEADERS);
  if (!isWellFormed(request)) return rejectMalformed(response);
  const path = pathOf(request);
  if (path === "/healthz") return rejectOverLimit(limits.health, context) || sendHealth(routes, response);
  if (!routes)
    return rejectOverLimit(limits.pages, context) || sendText(response, 503, "Starting: try again in a moment\n");
  if (asksForWebSocket(request)) return rejectOverLimit(limits.pages, context) || rejectWebSocket(response);
  if (path === "/metrics") return routes.metrics(request, response);
  if (path === routes.webhook?.path) return routes.webhook.handle(request, response);
  if (await routes.sandbox?.(request, response, path, trust)) return;
  if (path === "/graphql" && !isPageRequest(request)) return answerGraphql(context, routes);
  if (rejectOverLimit(limits.pages, context)) return;
  if (await routes.graphiql(request, response, path, trust)) return;
  // Every browser asks for it, and there is none.
  if (path === "/favicon.ico") return response.writeHead(204).end();
  if (path !== "/") return sendText(response, 404, "Not found\n");
  return response.writeHead(302, { location: routes.sandbox ? "/sandbox" : "/graphql" }).end();
}

/** Other upgrades, such as curl's to HTTP/2, are only offers. */
function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase().includes("websocket") === true;
}

/** In the form of GraphQL's errors. 400: with 426, the server would have to name a protocol to upgrade to. */
function rejectWebSocket(response: ServerResponse): void {
  const message =
    "There are no WebSockets here: subscriptions come as server-sent events (SSE). POST them to /graphql with the header 'Accept: text/event-stream'";
  const body = JSON.stringify({ errors: [{ message, extensions: { code: "BAD_REQUEST" } }] });
  response.writeHead(400, { "content-type": "application/json; charset=utf-8", connection: "close" }).end(body);
}

/** Whether a browser asks for a page to show; an API client does not accept HTML. */
function isPageRequest({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.accept?.includes("text/html") === true;
}

async function answerGraphql({ request, response, idleTimeoutMs }: RequestContext, { graphql }: Routes): Promise<void> {
  await graphql(request, response);
  // GraphQL Yoga removes the timeout while it answers, and a subscription continues after this.
  request.socket.setTimeout(idleTimeoutMs);
}

/** Answers 429 and returns true when the address has sent too many requests. */
function rejectOverLimit(limiter: RateLimiter, { request, response }: RequestContext): boolean {
  const waitSeconds = Math.ceil(limiter.take(networkOf(request.socket.remoteAddress)));
  if (waitSeconds === 0) return false;
  response.setHeader("retry-after", String(waitSeconds));
  sendText(response, 429, `Too many requests from this address: try again in ${waitSeconds} s\n`);
  return true;
}

/** Closes the connection: nothing in a malformed request is reliable, not even where the next request starts. */
function rejectMalformed(response: ServerResponse): void {
  response.writeHead(400, { connection: "close", "content-length": 0 }).end();
}

function sendHealth(routes: Routes | null, response: ServerResponse): void {
  const ready = routes?.isReady() ?? false;
  sendText(response, ready ? 200 : 503, ready ? "ok\n" : "not ready\n");
}
