/**
 * A worker's sign of life: a session advisory lock on its number, held on a connection of its own.
 *
 * The server frees it the moment the connection is gone, so another process sees a worker's death without waiting for a
 * lease to run out. What a worker does is not known here.
 */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { Database } from "./client.ts";

/** The first half of the lock's key, so that worker numbers meet no other advisory lock of ours. */
const WORKER_LOCK_CLASS = 7_016;

export interface WorkerLock {
  readonly workerId: number;
  release(): Promise<void>;
}

/** Takes the next worker number and its lock; `onLost` hears when the connection, and with it the lock, is gone. */
export async function takeWorkerLock(database: Database, onLost: () => void): Promise<WorkerLock> {
  let released = false;
  const session = database.openSession("worker", () => {
    if (!released) onLost();
  });
  const release = async () => {
    released = true;
    await session.end({ timeout: 1 });
  };
  try {
    return { workerId: await lockNextNumber(session), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * SQL: whether the worker with this number holds its lock; false for null. The locks are read once for a statement, not once
 * for a row: reading them is dear, and hundreds of runs may be looked at.
 */
export function workerIsAlive(workerId: SQLWrapper): SQL<boolean> {
  return sql<boolean>`coalesce(${workerId}::bigint in (select objid::bigint from pg_locks where locktype = 'advisory'
    and granted and database = (select oid from pg_database where datname = current_database())
    and classid = ${WORKER_LOCK_CLASS} and objsubid = 2), false)`;
}

/** SQL: how many workers hold their lock, of all processes on this database. */
export function liveWorkers(): SQL<number> {
  return sql<number>`(select count(*)::int from pg_locks where locktype = 'advisory'
    and granted and database = (select oid from pg_database where datname = current_database())
    and classid = ${WORKER_LOCK_CLASS} and objsubid = 2)`;
}

async function lockNextNumber(session: ReturnType<Database["openSession"]>): Promise<number> {
  const [row] = await session<{ workerId: number }[]>`select nextval('worker_ids')::int as "workerId"`;
  if (!row) throw new Error("nextval always returns a row");
  await session`select pg_advisory_lock(${WORKER_LOCK_CLASS}::int, ${row.workerId}::int)`;
  return row.workerId;
}
