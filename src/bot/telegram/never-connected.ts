/**
 * Marks the errors of requests for which no connection was made: Telegram can not have got them.
 *
 * The code of an error does not say that: a timeout or a reset may come before the connection, or after the request was sent.
 */
import type { Agent, ClientRequest } from "node:http";
import type { Socket } from "node:net";
import { describeConnectionError } from "../../process/connecting.ts";

/** The code of such an error. It survives in the error of grammY's `fetch`, which keeps only code and message. */
export const NEVER_CONNECTED = "NEVER_CONNECTED";

/** How long a connection may take, in milliseconds, its proxy and TLS included: several addresses, and slow round trips. */
const CONNECT_TIMEOUT_MS = 10_000;

/** What Node calls for each request. Its type says nothing of it. */
interface RequestAgent {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}

/** Lets an agent mark the errors of its requests, and end those that do not get a connection in time. @returns the agent. */
export function markNeverConnected<Any extends Agent>(agent: Any, timeoutMs = CONNECT_TIMEOUT_MS): Any {
  const connecting = agent as unknown as RequestAgent;
  const addRequest = connecting.addRequest.bind(agent);
  connecting.addRequest = (request, ...rest) => {
    watch(request, timeoutMs);
    addRequest(request, ...rest);
  };
  return agent;
}

function watch(request: ClientRequest, timeoutMs: number): void {
  let isConnected = false;
  const timer = setTimeout(() => request.destroy(new Error(`no connection after ${timeoutMs / 1_000} s`)), timeoutMs);
  request.once("socket", (socket) =>
    whenConnected(request, socket, () => {
      isConnected = true;
      clearTimeout(timer);
    }),
  );
  request.once("close", () => clearTimeout(timer));
  // The first listener: it changes the error before anybody reads it.
  request.on("error", (error: Error & { code?: string }) => {
    if (isConnected) return;
    error.message = describeConnectionError(error);
    error.code = NEVER_CONNECTED;
  });
}

/** A request is written to a connection only after the handshake of TLS. */
function whenConnected(request: ClientRequest, socket: Socket, onConnected: () => void): void {
  const isEncrypted = "encrypted" in socket;
  if (request.reusedSocket || (!isEncrypted && !socket.connecting)) onConnected();
  else socket.once(isEncrypted ? "secureConnect" : "connect", onConnected);
}
