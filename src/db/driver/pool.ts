/**
 * A connection pool for Drizzle. Each connection is a driver client of its own, and is never used again once it has closed.
 *
 * The driver's own pool is not safe when connections die. Version 3.4.9 writes to a closed connection, which ends the
 * process or blocks the connection forever, and it may continue a dead transaction on a new connection
 * (porsager/postgres #1186, #1208, #1216). This module knows neither addresses nor statements.
 */
import type { Sql } from "postgres";
import type { PoolUse } from "../../observability/meter.ts";
import { createConnectionSlots } from "./connection-slots.ts";
import {
  type ConnectionOptions,
  openPooledConnection,
  type PooledConnection,
  queryRows,
  type StatementParameters,
  send,
} from "./pooled-connection.ts";
import { runTransaction, type Work } from "./transaction.ts";

export interface PoolOptions extends ConnectionOptions {
  /** Most connections at once; further callers wait for one. */
  size: number;
  /**
   * How much the server may remember of what a connection has prepared, in bytes, before it is replaced;
   * `MAX_PREPARED_BYTES` when left out.
   */
  maxPreparedBytes?: number;
}

export interface Pool {
  /** What Drizzle uses of the driver: single statements, transactions, savepoints. */
  readonly client: Sql;
  use(): PoolUse;
  /** Accepts no more work, waits up to `timeoutMs` for running work, and ends every connection. */
  close(timeoutMs: number): Promise<void>;
}

/**
 * Many more than our own statements need. But admins can ask for any number of different statements: one who tries them
 * all must not fill the server's memory within the connection's lifetime.
 */
const MAX_PREPARED_BYTES = 45_000_000;

/** Opens no connection yet; throws what `open` throws. */
export function createPool(options: PoolOptions): Pool {
  const { size, setUp, maxPreparedBytes = MAX_PREPARED_BYTES } = options;
  // Never connects: Drizzle registers on its options how values are parsed and serialized.
  const template = options.open(() => undefined);
  const slots = createConnectionSlots(size, () => openPooledConnection(options, template, slots.remove));

  const release = (connection: PooledConnection) => {
    if (connection.isClosed) return;
    const isWorn = performance.now() > connection.retiresAt || connection.preparedBytes > maxPreparedBytes;
    if (isWorn) connection.discard();
    else slots.release(connection);
  };
  const withConnection = async <T>(work: (connection: PooledConnection) => Promise<T>): Promise<T> => {
    const connection = await slots.acquire();
    try {
      if (setUp && !connection.isSetUp) await send(connection, setUp);
      connection.isSetUp = true;
      return await work(connection);
    } finally {
      release(connection);
    }
  };
  // All that Drizzle uses of the driver. Anything else must fail instead of bypassing the pool.
  const client = {
    options: template.options,
    json: template.json,
    unsafe: (statement: string, parameters: StatementParameters) =>
      queryRows(
        (query, prepared) => withConnection((connection) => send(connection, query, prepared)),
        statement,
        parameters,
      ),
    begin: (work: Work) => withConnection((connection) => runTransaction(connection, work)),
  } as unknown as Sql;
  return { client, use: slots.use, close: slots.close };
}
