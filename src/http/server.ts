/**
 * The one HTTP server: health, metrics, the admins' GraphQL, Telegram's webhook, and in the sandbox its page.
 *
 * It only routes; what is answered is the matter of those it routes to.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StartupError } from "../errors.ts";

export interface HttpOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  /** Whether the process takes messages: what `/healthz` says. */
  isReady(): boolean;
  graphql(request: IncomingMessage, response: ServerResponse): unknown;
  /** Answers `/metrics`, to those who may read it. */
  metrics(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Where Telegram brings updates to; null when they are fetched. */
  webhook: { path: string; handle(request: IncomingMessage, response: ServerResponse): Promise<void> } | null;
  /** The sandbox's page; answers false for what is not its own. */
  page: ((request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>) | null;
  /** `STAND_STILL_MS` when left out. */
  standStillMs?: number;
  /** Hears of a handler that threw; the client gets 500 without a word of it. */
  onError(error: unknown): void;
}

export interface HttpServer {
  /** `http://host:port`, as a browser on this machine reaches it. */
  readonly address: string;
  /** Takes no more requests, ends what is open. */
  close(): Promise<void>;
}

/** Longest time for one request to come in, in milliseconds: the largest body is 1 MB. */
const REQUEST_TIMEOUT_MS = 30_000;
/**
 * How long a connection may stand still, in milliseconds, also one that follows what happens: a sign of life goes out there
 * every 12 to 15 s, and who does not take it in for so long is gone.
 */
const STAND_STILL_MS = 60_000;

/** Listens. @throws {StartupError} when the port is taken or the host is not this machine's. */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    route(options, request, response).catch((error: unknown) => {
      options.onError(error);
      if (!response.headersSent) sendText(response, 500, "Internal error\n");
      else response.destroy();
    });
  });
  server.setTimeout(standStillMsOf(options));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, options.host, resolve);
  await promise.catch((error: NodeJS.ErrnoException) => {
    throw explain(error, options);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://${browsable(options.host)}:${port}`,
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function route(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  // Every browser asks for it; there is none.
  if (path === "/favicon.ico") return void response.writeHead(204).end();
  if (path === "/healthz") return sendHealth(options, response);
  if (path === "/metrics") return options.metrics(request, response);
  if (path === "/graphql") {
    await options.graphql(request, response);
    // The GraphQL server takes the limit off while it answers, and a subscription goes on from here.
    return void request.socket.setTimeout(standStillMsOf(options));
  }
  if (path === options.webhook?.path) return options.webhook?.handle(request, response);
  if (await options.page?.(request, response)) return;
  if (path !== "/") return sendText(response, 404, "Not found\n");
  response.writeHead(302, { location: options.page ? "/sandbox" : "/graphql" }).end();
}

function standStillMsOf({ standStillMs = STAND_STILL_MS }: HttpOptions): number {
  return standStillMs;
}

function sendHealth(options: HttpOptions, response: ServerResponse): void {
  const ready = options.isReady();
  sendText(response, ready ? 200 : 503, ready ? "ok\n" : "not ready\n");
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    })
    .end(text);
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
