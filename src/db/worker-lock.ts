/**
 * A worker's sign of life: a session advisory lock on its number, held on a connection of its own, and a lease that it renews
 * over the same connection.
 *
 * The server frees the lock the moment the connection is gone, so another process sees a worker's death at once; the lease is
 * for one that is only frozen, or cut off. A number whose lease has run out never lives again: whatever was its own may be
 * another's by then. What a worker does is not known here.
 */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { answerWithin, waitUpTo } from "../process/timeout.ts";
import type { Database, Db } from "./client.ts";
import { connectionError } from "./driver/connection-error.ts";
import { beatWorker, type Heartbeat, removeWorker, saveWorker } from "./queries/runs/workers.ts";

/** The first half of the lock's key, so that worker numbers meet no other advisory lock of ours. */
const WORKER_LOCK_CLASS = 7_016;

/** How long the goodbye may take, in milliseconds: a server that is gone never answers. */
const GOODBYE_LIMIT_MS = 1_000;

export interface WorkerLock {
  readonly workerId: number;
  /**
   * Renews the worker's lease, and those of the runs that it works on. Undefined when it had run out. Rejects when the server
   * does not answer within `limitMs`: then the lock is given up as well.
   */
  beat(runIds: readonly string[], limitMs: number): Promise<Heartbeat | undefined>;
  release(): Promise<void>;
}

export interface WorkerLockOptions {
  /** The bot for whose chats it works; null for a terminal. */
  botId: number | null;
  /** How long the server may take, in milliseconds; without limit when left out. */
  limitMs?: number;
  /** Hears when the connection, and with it the lock, is gone. */
  onLost(): void;
}

/** Takes the next worker number and its lock. */
export async function takeWorkerLock(
  database: Database,
  { botId, limitMs, onLost }: WorkerLockOptions,
): Promise<WorkerLock> {
  let released = false;
  const session = database.openSession("worker", () => {
    if (!released) onLost();
  });
  const db: Db = drizzle({ client: session });
  const hangUp = async () => {
    released = true;
    await session.end({ timeout: 0 });
  };
  try {
    const number = takeNumber(session, db, botId);
    const workerId = await (limitMs === undefined ? number : answerWithin(limitMs, number, noAnswer));
    return {
      workerId,
      async beat(runIds, limitMs) {
        try {
          return await answerWithin(
            limitMs,
            beatWorker(db, { workerId, botId, runIds, holdsLock: isHeldHere(workerId) }),
            noAnswer,
          );
        } catch (error) {
          await session.end({ timeout: 0 });
          throw error;
        }
      },
      async release() {
        // Whether it is said or not: without its lock the worker is dead.
        await waitUpTo(GOODBYE_LIMIT_MS, removeWorker(db, workerId)).catch(() => undefined);
        await hangUp();
      },
    };
  } catch (error) {
    await hangUp();
    throw error;
  }
}

function noAnswer(): Error {
  return connectionError("CONNECTION_CLOSED", "the server does not answer");
}

/**
 * SQL: whether the worker with this number holds its lock and its lease lasts; false for null. The locks are read once for a
 * statement, not once for a row: reading them is dear, and hundreds of runs may be looked at.
 */
export function workerIsAlive(workerId: SQLWrapper): SQL<boolean> {
  return sql<boolean>`coalesce(${workerId}::integer in (
    select living.id from workers living where living.lease_until > now() and living.id::bigint in (
      select objid::bigint from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())
        and classid = ${WORKER_LOCK_CLASS} and objsubid = 2)), false)`;
}

function isHeldHere(workerId: number): SQL {
  return sql`exists (select 1 from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid()
    and classid = ${WORKER_LOCK_CLASS} and objid::bigint = ${workerId}::bigint and objsubid = 2)`;
}

async function takeNumber(session: ReturnType<Database["openSession"]>, db: Db, botId: number | null): Promise<number> {
  const workerId = await lockNextNumber(session);
  await saveWorker(db, { workerId, botId });
  return workerId;
}

async function lockNextNumber(session: ReturnType<Database["openSession"]>): Promise<number> {
  const [row] = await session<{ workerId: number }[]>`select nextval('worker_ids')::int as "workerId"`;
  if (!row) throw new Error("nextval always returns a row");
  await session`select pg_advisory_lock(${WORKER_LOCK_CLASS}::int, ${row.workerId}::int)`;
  return row.workerId;
}
