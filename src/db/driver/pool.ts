/**
 * A pool of connections for Drizzle, each a client of the driver by itself, which is never used again once it has closed.
 *
 * The driver's own pool is not to be trusted where connections die: 3.4.9 writes to a connection that is gone, which ends
 * the process or leaves the connection hanging for ever, and may go on with a dead transaction on a new connection
 * (porsager/postgres #1186, #1208, #1216). It knows nothing of addresses and of what is asked.
 */
import type { Sql } from "postgres";
import type { PoolUse } from "../../observability/meter.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { watchBackend } from "./backend-watch.ts";
import { connectionError } from "./connection-error.ts";
import { ask, type Connection, type Parameters, rowsOf } from "./pooled-connection.ts";
import { transact, type Work } from "./transaction.ts";

export interface PoolOptions {
  /** Opens one connection, at its first query; `onClose` is to hear, at once, when it is gone. */
  open(onClose: () => void): Sql;
  /** Most connections at once; who comes then waits for one. */
  size: number;
  /** How long an answer may take, in milliseconds; then the connection counts as gone. A transaction may lift that. */
  answerLimitMs: number;
  /** After how long a connection is replaced, at the latest twice that: the server's memory of a session only grows. */
  lifeMs?: number;
  /** How much the server may remember of what a connection has prepared, in bytes, before it is replaced; `MAX_PREPARED_BYTES` when left out. */
  maxPreparedBytes?: number;
}

export interface Pool {
  /** What Drizzle uses of the driver: single statements, transactions, savepoints. */
  readonly client: Sql;
  use(): PoolUse;
  /** Takes no more work, waits up to `limitMs` for what runs, and ends every connection. */
  close(limitMs: number): Promise<void>;
}

const HALF_AN_HOUR_MS = 30 * 60_000;

/**
 * Many more than we have ourselves. But what admins may ask has no end of shapes: one who tries them all must not fill the
 * server's memory within the connection's life.
 */
const MAX_PREPARED_BYTES = 45_000_000;

/** Opens nothing yet; throws what `open` throws. */
export function createPool(poolOptions: PoolOptions): Pool {
  const { open, size, answerLimitMs, lifeMs = HALF_AN_HOUR_MS, maxPreparedBytes = MAX_PREPARED_BYTES } = poolOptions;
  const connections = new Set<Connection>();
  const idle: Connection[] = [];
  const waiting: PromiseWithResolvers<Connection>[] = [];
  let ending: PromiseWithResolvers<void> | null = null;

  const connect = (): Connection => {
    const connection: Connection = {
      sql: open(() => close(connection)),
      isClosed: false,
      prepared: new Set(),
      preparedBytes: 0,
      answerLimitMs,
      watch: null,
      startWatch: (pid) => watchBackend({ pid, open: () => open(() => undefined), limitMs: answerLimitMs }),
      retiresAt: performance.now() + lifeMs * (1 + Math.random()),
      discard: () => discard(connection),
    };
    Object.assign(connection.sql.options.parsers, options.parsers);
    Object.assign(connection.sql.options.serializers, options.serializers);
    connections.add(connection);
    return connection;
  };
  const close = (connection: Connection) => {
    if (connection.isClosed) return;
    connection.isClosed = true;
    connections.delete(connection);
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    waiting.shift()?.resolve(connect());
    checkEnd();
  };
  const discard = (connection: Connection) => {
    close(connection);
    // Nobody waits for it: a connection that hangs must not hold up who gave it up.
    connection.sql.end({ timeout: 0 }).catch(() => undefined);
  };
  const take = async (): Promise<Connection> => {
    if (ending) throw connectionError("CONNECTION_ENDED", "the pool is closed");
    const free = idle.pop();
    if (free) return free;
    if (connections.size < size) return connect();
    const turn = Promise.withResolvers<Connection>();
    waiting.push(turn);
    return turn.promise;
  };
  const giveBack = (connection: Connection) => {
    if (connection.isClosed) return;
    if (performance.now() > connection.retiresAt || connection.preparedBytes > maxPreparedBytes)
      return discard(connection);
    const next = waiting.shift();
    if (next) next.resolve(connection);
    else idle.push(connection);
    checkEnd();
  };
  const checkEnd = () => {
    if (idle.length === connections.size) ending?.resolve();
  };

  const withConnection = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await take();
    try {
      return await work(connection);
    } finally {
      giveBack(connection);
    }
  };

  // Never connects: Drizzle sets up there how values are read and written.
  const { options, json } = open(() => undefined);
  // All that Drizzle asks of the driver; anything else is to fail instead of finding a way around the pool.
  const client = {
    options,
    json,
    unsafe: (statement: string, parameters: Parameters) =>
      rowsOf(
        (query, prepared) => withConnection((connection) => ask(connection, query, prepared)),
        statement,
        parameters,
      ),
    begin: (work: Work) => withConnection((connection) => transact(connection, work)),
  } as unknown as Sql;

  return {
    client,
    use: () => ({ size, inUse: connections.size - idle.length, waiting: waiting.length }),
    async close(limitMs) {
      ending ??= Promise.withResolvers();
      checkEnd();
      await waitUpTo(limitMs, ending.promise);
      // They would be given new connections else, which nobody would close.
      for (const turn of waiting.splice(0)) turn.reject(connectionError("CONNECTION_ENDED", "the pool is closed"));
      await Promise.all([...connections].map(({ sql }) => sql.end({ timeout: 0 })));
    },
  };
}
