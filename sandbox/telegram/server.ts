/**
 * The stand-in's HTTP server: `/bot<token>/<method>` on the loopback interface.
 *
 * Owns the connection: paths, the token, latency, resets and closing. The dispatcher carries out the calls.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Dispatch, type Reply, refusalBody } from "./dispatch.ts";
import type { Method } from "./methods/method.ts";
import { TelegramRefusal } from "./refusal.ts";
import { readParameters } from "./request-parameters.ts";

export interface ServerOptions {
  token: string;
  /** 0: any free port. */
  port: number;
  /** Round-trip time in milliseconds. */
  latencyMs: number;
  /** Case-insensitive. */
  findMethod: (name: string) => Method | undefined;
  dispatch: Dispatch;
}

export interface StandInServer {
  /** For example `http://127.0.0.1:34567`. */
  apiRoot: string;
  /** Closes all connections, including those of waiting calls. */
  close(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<StandInServer> {
  const closing = new AbortController();
  const server = createServer((request, response) => {
    handle(request, response, { ...options, closing: closing.signal }).catch((error: unknown) => {
      // A bug in the stand-in. The response ends the call and makes the error visible in the caller's log.
      send(response, { kind: "json", status: 500, body: refusalBody(500, `stand-in: ${String(error)}`) });
    });
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, "127.0.0.1", resolve);
  await listening;
  return {
    apiRoot: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      closing.abort();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      return closed.promise;
    },
  };
}

interface HandlingOptions extends ServerOptions {
  closing: AbortSignal;
}

async function handle(request: IncomingMessage, response: ServerResponse, options: HandlingOptions): Promise<void> {
  const signal = AbortSignal.any([options.closing, disconnectSignal(response)]);
  // Half of the round-trip time before the call, half after it.
  await delay(options.latencyMs / 2, signal);
  const reply = await answer(request, signal, options);
  await delay(options.latencyMs / 2, signal);
  send(response, reply);
}

function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}

async function delay(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only after an abort, which the later steps detect themselves.
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}

async function answer(request: IncomingMessage, signal: AbortSignal, options: ServerOptions): Promise<Reply> {
  try {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const method = findAddressedMethod(url, options);
    const params = await readParameters(request, url, method);
    return await options.dispatch({ method, params, host: request.headers.host ?? "", signal });
  } catch (error) {
    if (!(error instanceof TelegramRefusal)) throw error;
    const body = refusalBody(error.errorCode, error.message, error.parameters);
    return { kind: "json", status: error.errorCode, body };
  }
}

function findAddressedMethod(url: URL, { token, findMethod }: ServerOptions): Method {
  const [, givenToken, name] = /^\/bot([^/]+)\/([^/]+)$/.exec(url.pathname) ?? [];
  if (givenToken === undefined || name === undefined) throw new TelegramRefusal(404, "Not Found");
  if (decodeURIComponent(givenToken) !== token) throw new TelegramRefusal(401, "Unauthorized");
  const method = findMethod(name);
  if (!method) throw new TelegramRefusal(404, "Not Found: method not found");
  return method;
}

function send(response: ServerResponse, reply: Reply): void {
  if (response.destroyed || response.headersSent) return;
  if (reply.kind === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  const body = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body);
  response.writeHead(reply.status, { "content-type": "application/json" }).end(body);
}
