/**
 * Which caller of a pool may use which connection: at most `size` connections, lent first come, first served.
 *
 * It knows nothing of statements, nor when a connection has to be replaced.
 */
import type { PoolUse } from "../../observability/meter.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { connectionError } from "./connection-error.ts";
import type { PooledConnection } from "./pooled-connection.ts";

export interface ConnectionSlots {
  /** An idle connection, else a new one, else the next that is released. Rejects once the slots are closed. */
  acquire(): Promise<PooledConnection>;
  release(connection: PooledConnection): void;
  /** Frees the slot of a closed connection; the first waiting caller gets a new one. */
  remove(connection: PooledConnection): void;
  use(): PoolUse;
  /** Accepts no more callers, waits up to `timeoutMs` for running work, and ends every connection. */
  close(timeoutMs: number): Promise<void>;
}

export function createConnectionSlots(size: number, connect: () => PooledConnection): ConnectionSlots {
  const open = new Set<PooledConnection>();
  const idle: PooledConnection[] = [];
  const waiting: PromiseWithResolvers<PooledConnection>[] = [];
  const drained = Promise.withResolvers<void>();
  let isClosing = false;

  const add = () => {
    const connection = connect();
    open.add(connection);
    return connection;
  };
  const checkDrained = () => {
    if (isClosing && idle.length === open.size) drained.resolve();
  };

  return {
    async acquire() {
      if (isClosing) throw poolClosed();
      const free = idle.pop();
      if (free) return free;
      if (open.size < size) return add();
      const turn = Promise.withResolvers<PooledConnection>();
      waiting.push(turn);
      return turn.promise;
    },
    release(connection) {
      const next = waiting.shift();
      if (next) next.resolve(connection);
      else idle.push(connection);
      checkDrained();
    },
    remove(connection) {
      open.delete(connection);
      const index = idle.indexOf(connection);
      if (index >= 0) idle.splice(index, 1);
      waiting.shift()?.resolve(add());
      checkDrained();
    },
    use: () => ({ size, inUse: open.size - idle.length, waiting: waiting.length }),
    async close(timeoutMs) {
      isClosing = true;
      checkDrained();
      await waitUpTo(timeoutMs, drained.promise);
      // Otherwise they would get new connections, which nothing would close.
      for (const turn of waiting.splice(0)) turn.reject(poolClosed());
      await Promise.all([...open].map(({ sql }) => sql.end({ timeout: 0 })));
    },
  };
}

function poolClosed(): Error {
  return connectionError("CONNECTION_ENDED", "the pool is closed");
}
