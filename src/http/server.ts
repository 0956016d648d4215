/**
 * The one HTTP server: health, metrics, the admin GraphQL API and its page, Telegram's webhook, and the sandbox's page.
 *
 * It listens first and gets its routes later; until then it is not healthy. What a client without a valid token can occupy is
 * limited in `connections.ts`, and how often it may ask by each route.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StartupError } from "../errors.ts";
import { CONNECTION_LIMITS, type ConnectionLimits, limitConnections } from "./connections.ts";
import { createRouter, type Router, type Routes } from "./router.ts";
import { sendText } from "./send-text.ts";

export interface HttpOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  /** How long a connection may be idle, in milliseconds; one minute when left out. */
  idleTimeoutMs?: number;
  /** `CONNECTION_LIMITS` when left out. */
  connectionLimits?: ConnectionLimits;
  /** Milliseconds that never go back, for the rate limits. */
  clock?: () => number;
  /** Receives what a handler throws. The client gets status 500 without details. */
  onError(error: unknown): void;
}

export interface HttpServer {
  /** `http://host:port`, as a browser on this machine reaches it. */
  readonly address: string;
  /** Answers requests with these routes from now on. */
  serve(routes: Routes): void;
  /** The request carried a valid token, secret or key: its connection is not closed in favor of a new one. */
  trust(request: IncomingMessage): void;
  /** Accepts no more requests and closes all connections. May be called again. */
  close(): Promise<void>;
}

/** Longest time to receive one request, in milliseconds. The largest body is 1 MB, the headers have at most 16 kB. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How often Node checks these two timeouts, in milliseconds. */
const TIMEOUT_CHECK_INTERVAL_MS = 5_000;
/**
 * How long a connection may be idle, in milliseconds. A live subscription sends a comment every 12 to 15 s: a client that does
 * not accept it for this long is gone.
 */
const IDLE_TIMEOUT_MS = 60_000;

/** Starts to listen. @throws {StartupError} when the port is in use or the host does not belong to this machine. */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { idleTimeoutMs = IDLE_TIMEOUT_MS, connectionLimits = CONNECTION_LIMITS } = options;
  const { clock = () => performance.now() } = options;
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    // `isWellFormed` checks it.
    requireHostHeader: false,
  });
  const connections = limitConnections(server, connectionLimits);
  const router = createRouter({ clock, idleTimeoutMs, trust: connections.trust });
  const answer = createListener(router, options);
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    connections.answerInOrder({ request, response }, () => answer(request, response));
  server.on("request", onRequest);
  // For an `Expect` other than 100-continue, which Node would answer itself, bypassing every limit.
  server.on("checkExpectation", onRequest);
  server.setTimeout(idleTimeoutMs);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  let closed: Promise<unknown> | null = null;
  return {
    address: `http://${browserHost(options.host)}:${port}`,
    serve: router.serve,
    trust: connections.trust,
    async close() {
      closed ??= new Promise((done) => server.close(done));
      server.closeAllConnections();
      connections.stop();
      await closed;
    },
  };
}

function createListener(router: Router, { onError }: HttpOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await router.answer(request, response);
    } catch (error) {
      if (isClientAbort(request, error)) return void response.destroy();
      onError(error);
      if (!response.headersSent) sendText(response, 500, "Internal error\n");
      else response.destroy();
    }
  };
}

/** Whether the client disconnected while sending its request. */
function isClientAbort(request: IncomingMessage, error: unknown): boolean {
  return (
    request.destroyed && !request.complete && error instanceof Error && "code" in error && error.code === "ECONNRESET"
  );
}

async function listen(server: ReturnType<typeof createServer>, options: HttpOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, options.host, resolve);
  await promise.catch((error: NodeJS.ErrnoException) => {
    throw toStartupError(error, options);
  });
}

/** The last one is that of a link-local address without its interface: `fe80::1`. */
const NO_ADDRESS = ["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN", "EAFNOSUPPORT", "EINVAL"];

function toStartupError(error: NodeJS.ErrnoException, { host, port }: HttpOptions): unknown {
  if (error.code === "EADDRINUSE") {
    return new StartupError(`Port ${port} is in use by another process: stop it, or set PORT to a free port.`);
  }
  if (error.code === "EACCES")
    return new StartupError(`This user is not allowed to use port ${port}: set PORT to one above 1023.`);
  if (NO_ADDRESS.includes(error.code ?? "")) {
    return new StartupError(
      `HOST ${host} is not an address of this machine: set it to 127.0.0.1 for local access only, or to 0.0.0.0 for every network.`,
    );
  }
  return error;
}

function browserHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
