/**
 * Limits what clients may occupy in this process: connections, requests waiting on one connection, and unread answers. It
 * does not know what requests ask for.
 *
 * A client whose request carried a valid token, secret or key is trusted. All others share a number of connections, and a new
 * one closes the oldest. A client that asks and reads is done long before that, and one that only holds its connection open
 * never keeps another client out.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface ConnectionLimits {
  /** All connections; the server drops further ones. */
  readonly connections: number;
  /** Connections without a trusted request. */
  readonly unknown: number;
  /** Requests that one connection may send before the answer to its first is read. */
  readonly pipelined: number;
  /** Unread bytes of all answers. Beyond that, connections that do not read are closed, oldest first. */
  readonly unreadBytes: number;
}

/**
 * A thousand clients may follow live, each on a connection. An answer has a few megabytes at most. Today's HTTP clients and
 * proxies send one request at a time.
 */
export const CONNECTION_LIMITS: ConnectionLimits = {
  connections: 4_000,
  unknown: 500,
  pipelined: 16,
  unreadBytes: 64_000_000,
};

/** Pause between two checks for unread answers, in milliseconds: the time of a few requests. */
const UNREAD_CHECK_INTERVAL_MS = 100;

export interface LimitedConnections {
  /** Trusts the request's connection from now on. */
  trust(request: IncomingMessage): void;
  /** Runs `answer` once all earlier requests on the same connection are answered and their answers are read. */
  answerInOrder(exchange: Exchange, answer: () => Promise<void>): void;
  /** Stops the checks; the server closes the connections. */
  stop(): void;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Applies `limits` to all further connections of `server`. */
export function limitConnections(server: Server, limits: ConnectionLimits): LimitedConnections {
  const open = new Set<Socket>();
  const unknown = new Set<Socket>();
  const closeSlowReaders = createSlowReaderCheck(open, limits.unreadBytes);
  const checks = setInterval(closeSlowReaders, UNREAD_CHECK_INTERVAL_MS).unref();

  server.maxConnections = limits.connections;
  server.on("connection", (socket) => {
    open.add(socket);
    unknown.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      unknown.delete(socket);
    });
    if (unknown.size > limits.unknown) closeOldest(unknown);
  });

  return {
    trust: ({ socket }) => void unknown.delete(socket),
    answerInOrder: createRequestOrder(limits.pipelined),
    stop: () => clearInterval(checks),
  };
}

function closeOldest(sockets: Set<Socket>): void {
  // A Set keeps the order in which the sockets were added.
  const [oldest] = sockets;
  if (!oldest) return;
  // Removed at once: its "close" event comes later, and until then the next connection would find the same socket.
  sockets.delete(oldest);
  oldest.destroy();
}

/** A connection with more than `limit` unanswered requests is closed. */
function createRequestOrder(limit: number): LimitedConnections["answerInOrder"] {
  const queues = new WeakMap<Socket, { length: number; last: Promise<void> }>();
  return ({ request: { socket }, response }, answer) => {
    const queue = queues.get(socket) ?? { length: 0, last: Promise.resolve() };
    queues.set(socket, queue);
    if (queue.length >= limit) return void socket.destroy();
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    const run = async () => {
      if (socket.destroyed) return;
      await answer();
      await closed;
    };
    // Usually nothing is queued: then the answer starts in the same tick.
    const done = queue.length === 0 ? run() : queue.last.then(run);
    queue.length += 1;
    queue.last = done.finally(() => {
      queue.length -= 1;
    });
  };
}

/** Closes the connections that have not read for longest, until all together have at most `limit` unread bytes. */
function createSlowReaderCheck(open: ReadonlySet<Socket>, limit: number): () => void {
  /** The connections with unread bytes, longest first. */
  const unread = new Set<Socket>();
  return () => {
    let total = 0;
    for (const socket of open) {
      total += socket.writableLength;
      if (socket.writableLength > 0) unread.add(socket);
      else unread.delete(socket);
    }
    for (const socket of unread) {
      if (total <= limit) return;
      total -= socket.writableLength;
      unread.delete(socket);
      socket.destroy();
    }
  };
}
