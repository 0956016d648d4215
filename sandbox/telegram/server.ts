/**
 * The stand-in's HTTP server: `/bot<token>/<method>` on the loopback interface.
 *
 * Owns the connection: addresses, the token, latency, resets and closing. What a call does is the dispatcher's.
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
  /** 0 lets the system choose. */
  port: number;
  /** Time for the way there and back, in milliseconds. */
  latencyMs: number;
  /** By its name in any case. */
  findMethod: (name: string) => Method | undefined;
  dispatch: Dispatch;
}

export interface StandInServer {
  /** Such as `http://127.0.0.1:34567`. */
  apiRoot: string;
  /** Ends every connection, those of waiting calls included. */
  close(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<StandInServer> {
  const closing = new AbortController();
  const server = createServer((request, response) => {
    handle(request, response, { ...options, closing: closing.signal }).catch((error: unknown) => {
      // A bug of the stand-in: it shows in the caller's log, and the connection is not left waiting.
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
  const gone = AbortSignal.any([options.closing, clientGone(response)]);
  // Half the latency on the way there, half on the way back.
  await travel(options.latencyMs / 2, gone);
  const reply = await answer(request, gone, options);
  await travel(options.latencyMs / 2, gone);
  send(response, reply);
}

function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}

async function travel(ms: number, gone: AbortSignal): Promise<void> {
  // Rejects only when nobody waits for the answer any more, which the caller may find out by itself.
  if (ms > 0) await sleep(ms, undefined, { signal: gone }).catch(() => undefined);
}

async function answer(request: IncomingMessage, gone: AbortSignal, options: ServerOptions): Promise<Reply> {
  try {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const method = findAddressedMethod(url, options);
    const params = await readParameters(request, url, method);
    return await options.dispatch({ method, params, host: request.headers.host ?? "", gone });
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
