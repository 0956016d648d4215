/**
 * What clients may occupy of this process: connections, requests that wait on one, answers that are not read. What is
 * asked and answered is not known here.
 *
 * A client whose request brought a valid token, secret or key is trusted. The others share a number of connections, and the
 * oldest of them is closed for the newest: a client that asks and reads is done long before its turn comes, and one that
 * only holds its connection never keeps out another.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface ConnectionLimits {
  /** All connections: over it new ones are dropped. */
  readonly connections: number;
  /** Connections without a trusted request. */
  readonly unknown: number;
  /** Requests that one connection may send before the answer to its first is read. */
  readonly pipelined: number;
  /** Bytes of all answers that wait to be read; over it the connections that do not read are closed, oldest first. */
  readonly unreadBytes: number;
}

/**
 * A thousand may follow live, each on a connection. An answer has some megabytes at most, and HTTP clients of today send one
 * request at a time; proxies do too.
 */
export const CONNECTION_LIMITS: ConnectionLimits = {
  connections: 4_000,
  unknown: 500,
  pipelined: 16,
  unreadBytes: 64_000_000,
};

/** Pause between two looks at what is not read, in milliseconds: a few requests' time. */
const UNREAD_LOOK_MS = 100;

export interface Connections {
  /** The request's connection is trusted from now on. */
  trust(request: IncomingMessage): void;
  /** Has a request answered when those before it on its connection are answered and read. */
  inTurn(exchange: Exchange, answer: () => Promise<void>): void;
  /** Stops looking; the server closes the connections. */
  stop(): void;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Watches the connections of `server` from now on. */
export function watchConnections(server: Server, limits: ConnectionLimits): Connections {
  /** In the order in which they came. */
  const open = new Set<Socket>();
  const unknown = new Set<Socket>();
  const turns = new WeakMap<Socket, { waiting: number; last: Promise<void> }>();
  const shed = createShedder(open, limits.unreadBytes);
  const looking = setInterval(shed, UNREAD_LOOK_MS).unref();

  server.maxConnections = limits.connections;
  server.on("connection", (socket) => {
    open.add(socket);
    unknown.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      unknown.delete(socket);
    });
    if (unknown.size <= limits.unknown) return;
    const [oldest] = unknown;
    if (!oldest) return;
    // At once: its "close" comes later, and until then the next connection would find the same one.
    unknown.delete(oldest);
    oldest.destroy();
  });

  return {
    trust: ({ socket }) => void unknown.delete(socket),
    inTurn({ request: { socket }, response }, answer) {
      const turn = turns.get(socket) ?? { waiting: 0, last: Promise.resolve() };
      turns.set(socket, turn);
      if (turn.waiting >= limits.pipelined) return void socket.destroy();
      const closed = new Promise<void>((resolve) => response.once("close", resolve));
      const run = async () => {
        if (socket.destroyed) return;
        await answer();
        await closed;
      };
      // The usual one, with nothing before it, does not wait for a turn of the event loop.
      const done = turn.waiting === 0 ? run() : turn.last.then(run);
      turn.waiting += 1;
      turn.last = done.finally(() => {
        turn.waiting -= 1;
      });
    },
    stop: () => clearInterval(looking),
  };
}

/** Closes the connections that have not read for longest, until no more than `limit` bytes wait over all of them. */
function createShedder(open: ReadonlySet<Socket>, limit: number): () => void {
  /** Since when each has something to read, oldest first. */
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
