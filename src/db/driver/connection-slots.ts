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
  const slots: Slots = {
    size,
    connect,
    open: new Set(),
    idle: [],
    waiting: [],
    isClosing: false,
    drained: Promise.withResolvers(),
  };
  return {
    acquire: () => acquire(slots),
    release: (connection) => release(slots, connection),
    remove: (connection) => remove(slots, connection),
    use: () => ({ size, inUse: slots.open.size - slots.idle.length, waiting: slots.waiting.length }),
    close: (timeoutMs) => close(slots, timeoutMs),
  };
}

interface Slots {
  readonly size: number;
  readonly connect: () => PooledConnection;
  readonly open: Set<PooledConnection>;
  /** The open connections that no caller uses. */
  readonly idle: PooledConnection[];
  /** Callers without a connection, in the order in which they came. */
  readonly waiting: PromiseWithResolvers<PooledConnection>[];
  isClosing: boolean;
  /** Resolves once the slots are closing and every open connection is idle. */
  readonly drained: PromiseWithResolvers<void>;
}

async function acquire(slots: Slots): Promise<PooledConnection> {
  if (slots.isClosing) throw poolClosed();
  const free = slots.idle.pop();
  if (free) return free;
  if (slots.open.size < slots.size) return addConnection(slots);
  const turn = Promise.withResolvers<PooledConnection>();
  slots.waiting.push(turn);
  return turn.promise;
}

function release(slots: Slots, connection: PooledConnection): void {
  const next = slots.waiting.shift();
  if (next) next.resolve(connection);
  else slots.idle.push(connection);
  checkDrained(slots);
}

function remove(slots: Slots, connection: PooledConnection): void {
  slots.open.delete(connection);
  const index = slots.idle.indexOf(connection);
  if (index >= 0) slots.idle.splice(index, 1);
  slots.waiting.shift()?.resolve(addConnection(slots));
  checkDrained(slots);
}

async function close(slots: Slots, timeoutMs: number): Promise<void> {
  slots.isClosing = true;
  checkDrained(slots);
  await waitUpTo(timeoutMs, slots.drained.promise);
  // Otherwise they would get new connections, which nothing would close.
  for (const turn of slots.waiting.splice(0)) turn.reject(poolClosed());
  await Promise.all([...slots.open].map(({ sql }) => sql.end({ timeout: 0 })));
}

function addConnection(slots: Slots): PooledConnection {
  const connection = slots.connect();
  slots.open.add(connection);
  return connection;
}

function checkDrained({ isClosing, idle, open, drained }: Slots): void {
  if (isClosing && idle.length === open.size) drained.resolve();
}

function poolClosed(): Error {
  return connectionError("CONNECTION_ENDED", "the pool is closed");
}
