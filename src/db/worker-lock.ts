/**
 * A worker's number, and what shows that it lives: a session advisory lock on the number, held on a connection of its own,
 * and a lease that is renewed over the same connection.
 *
 * The server frees the lock when the connection closes, so other processes notice a worker's death at once. The lease is for
 * a worker that is only frozen or cut off. A number whose lease has expired is never alive again: another worker may have
 * taken over its work by then.
 */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import { answerWithin, waitUpTo } from "../process/timeout.ts";
import type { Database, Db } from "./client.ts";
import { connectionError } from "./driver/connection-error.ts";
import { type Heartbeat, removeWorker, renewWorkerLease, saveWorker } from "./queries/runs/workers.ts";

/** The first half of the lock's key. It keeps worker numbers apart from our other advisory locks. */
const WORKER_LOCK_CLASS = 7_016;

/** How long the removal of a worker may take, in milliseconds: a server that is gone never answers. */
const REMOVE_LIMIT_MS = 1_000;

export interface WorkerLock {
  readonly workerId: number;
  /**
   * Renews the worker's lease, and the leases of the runs that it works on. Undefined when the worker's lease had expired.
   * Rejects when the server does not answer within `limitMs`; the lock is given up then.
   */
  renew(runIds: readonly string[], limitMs: number): Promise<Heartbeat | undefined>;
  release(): Promise<void>;
}

export interface WorkerLockOptions {
  /** The bot for whose chats the worker works; null for a terminal. */
  botId: number | null;
  /** How long the server may take, in milliseconds; no limit when left out. */
  limitMs?: number;
  /** Called when the connection, and with it the lock, is gone. */
  onLost(): void;
}

/** Takes the next worker number and its lock. */
export async function takeWorkerLock(
  database: Database,
  { botId, limitMs, onLost }: WorkerLockOptions,
): Promise<WorkerLock> {
  let isReleased = false;
  const session = database.openSession("worker", () => {
    if (!isReleased) onLost();
  });
  const db: Db = drizzle({ client: session });
  const disconnect = async () => {
    isReleased = true;
    await session.end({ timeout: 0 });
  };
  try {
    const number = takeNumber(session, db, botId);
    const workerId = await (limitMs === undefined ? number : answerWithin(limitMs, number, noAnswer));
    return {
      workerId,
      async renew(runIds, limitMs) {
        const renewal = renewWorkerLease(db, { workerId, botId, runIds, holdsLock: isHeldHere(workerId) });
        return answerWithin(limitMs, renewal, noAnswer).catch(async (error: unknown) => {
          await session.end({ timeout: 0 });
          throw error;
        });
      },
      async release() {
        // Whether or not it succeeds: without its lock the worker is dead.
        await waitUpTo(REMOVE_LIMIT_MS, removeWorker(db, workerId)).catch(() => undefined);
        await disconnect();
      },
    };
  } catch (error) {
    await disconnect();
    throw error;
  }
}

function noAnswer(): Error {
  return connectionError("CONNECTION_CLOSED", "the server does not answer");
}

/**
 * SQL: whether the worker with this number holds its lock and its lease has not expired; false for null. The locks are read
 * once for a statement, not once for a row: reading them is expensive, and a statement may look at hundreds of runs.
 */
export function workerIsAlive(workerId: SQLWrapper): SQL<boolean> {
  return sql<boolean>`coalesce(${workerId}::integer in (
    select living.id from workers living where living.lease_until > now() and living.id::bigint in (
      select objid::bigint from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())
        and classid = ${WORKER_LOCK_CLASS} and objsubid = 2)), false)`;
}

/** SQL: whether the connection that asks holds the lock. */
function isHeldHere(workerId: number): SQL {
  return sql`exists (select 1 from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid()
    and classid = ${WORKER_LOCK_CLASS} and objid::bigint = ${workerId}::bigint and objsubid = 2)`;
}

async function takeNumber(session: Sql, db: Db, botId: number | null): Promise<number> {
  const workerId = await lockNextNumber(session);
  await saveWorker(db, { workerId, botId });
  return workerId;
}

async function lockNextNumber(session: Sql): Promise<number> {
  // The migration made it in public, wherever the tables are.
  const [row] = await session<{ workerId: number }[]>`select nextval('public.worker_ids')::int as "workerId"`;
  if (!row) throw new Error("nextval always returns a row");
  await session`select pg_advisory_lock(${WORKER_LOCK_CLASS}::int, ${row.workerId}::int)`;
  return row.workerId;
}
