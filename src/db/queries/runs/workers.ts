/**
 * Workers as the others see them: who lives, and for how long it is believed. Their locks are `worker-lock.ts`'s matter.
 */
import { and, eq, lt, type SQL, sql } from "drizzle-orm";
import { RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { hasStatus, runs, workers } from "../../schema/index.ts";

/** How long a worker is believed after its last sign of life, in seconds. Its death is noticed at once, by its lock. */
export const LEASE_SECONDS = 10;

/** SQL: when a lease that is renewed now runs out. */
export const leaseEnd = sql`now() + make_interval(secs => ${LEASE_SECONDS})`;

/** What a worker hears when it renews its lease. */
export interface Heartbeat {
  /**
   * The runs that it holds, with whether a stop was asked for (a notice of it may be lost). What it works on beside these was
   * taken over; what it does not work on was claimed without its hearing of it.
   */
  runs: { id: string; stopRequested: boolean }[];
  /**
   * Workers of the same bot whose lease lasts, this one among them: they share what Telegram allows a bot. By their leases
   * alone: one that has just died, or is cut off from the database, may have calls under way.
   */
  liveWorkers: number;
}

/** Puts a worker's number on the list; those that are long dead go from it. */
export async function saveWorker(
  db: Db,
  { workerId, botId }: { workerId: number; botId: number | null },
): Promise<void> {
  await db.delete(workers).where(lt(workers.leaseUntil, sql`now() - interval '1 day'`));
  const values = { id: workerId, botId, leaseUntil: leaseEnd };
  // Numbers come again after two thousand million of them.
  await db.insert(workers).values(values).onConflictDoUpdate({ target: workers.id, set: values });
}

/** Takes a number off the list, when its worker stops in good order. */
export async function removeWorker(db: Db, workerId: number): Promise<void> {
  await db.delete(workers).where(eq(workers.id, workerId));
}

export interface BeatingWorker {
  workerId: number;
  botId: number | null;
  runIds: readonly string[];
  /** SQL: whether the connection that asks holds the worker's lock; the driver may have connected anew. */
  holdsLock: SQL;
}

/**
 * Renews a worker's lease and those of the runs that it works on; one that it gave up is left to run out. Undefined when the
 * worker's own lease had run out: its number is dead for good.
 *
 * It waits for no lock of a run, so that nobody who holds one can let a worker die; what is locked is renewed the next time.
 */
export async function beatWorker(
  db: Db,
  { workerId, botId, runIds, holdsLock }: BeatingWorker,
): Promise<Heartbeat | undefined> {
  const isHeld = sql`${runs.workerId} = ${workerId} and ${hasStatus(runs.status, RUNNING_STATUSES)}`;
  const isWorkedOn = sql`${isHeld} and ${runs.id} = any(${uuidArray(runIds)})`;
  const [row] = await db.execute<{ isAlive: boolean; liveWorkers: number; runs: Heartbeat["runs"] }>(sql`
    with me as (
      update ${workers} set lease_until = ${leaseEnd}
      where ${and(eq(workers.id, workerId), sql`${workers.leaseUntil} > now()`, holdsLock)} returning ${workers.id}
    ), free as (
      select ${runs.id} from ${runs} where ${isWorkedOn} and exists (select 1 from me) for no key update skip locked
    ), renewed as (
      update ${runs} set lease_until = ${leaseEnd} where ${runs.id} in (select id from free)
    )
    select exists (select 1 from me) as "isAlive",
      (select count(*)::int from ${workers}
        where ${workers.botId} is not distinct from ${botId}::bigint and ${workers.leaseUntil} > now()) as "liveWorkers",
      (select coalesce(json_agg(json_build_object('id', ${runs.id}, 'stopRequested', ${runs.stopRequestedAt} is not null)), '[]')
        from ${runs} where ${isHeld}) as "runs"`);
  return row?.isAlive ? { runs: row.runs, liveWorkers: row.liveWorkers } : undefined;
}
