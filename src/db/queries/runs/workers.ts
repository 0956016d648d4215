/** The list of workers, and their leases. Their locks are in `worker-lock.ts`. */
import { and, eq, lt, type SQL, sql } from "drizzle-orm";
import { RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { hasStatus, runs, workers } from "../../schema/index.ts";

/** How long a worker counts as alive after its last heartbeat, in seconds. Its death shows at once, by its lock. */
export const LEASE_SECONDS = 10;

/** SQL: when a lease that is renewed now expires. */
export const leaseEnd = sql`now() + make_interval(secs => ${LEASE_SECONDS})`;

/** The answer to a worker that renews its lease. */
export interface Heartbeat {
  /**
   * The runs that the worker holds, and whether a stop was requested for each: its notification may be lost. A run that it
   * works on and that is missing here was taken over. A run that it does not work on was claimed, and the answer was lost.
   */
  runs: { id: string; stopRequested: boolean }[];
  /**
   * Workers of the same bot whose lease has not expired, this one included: they share the calls that Telegram allows a
   * bot. Counted by their leases alone: a worker that has just died, or is cut off from the database, may have calls under
   * way.
   */
  liveWorkers: number;
}

/** Puts a worker's number on the list. Numbers that died more than a day ago are removed. */
export async function saveWorker(
  db: Db,
  { workerId, botId }: { workerId: number; botId: number | null },
): Promise<void> {
  await db.delete(workers).where(lt(workers.leaseUntil, sql`now() - interval '1 day'`));
  const values = { id: workerId, botId, leaseUntil: leaseEnd };
  // The sequence starts again after two billion numbers.
  await db.insert(workers).values(values).onConflictDoUpdate({ target: workers.id, set: values });
}

/** Removes a number from the list, when its worker stops cleanly. */
export async function removeWorker(db: Db, workerId: number): Promise<void> {
  await db.delete(workers).where(eq(workers.id, workerId));
}

export interface LeaseRenewal {
  workerId: number;
  botId: number | null;
  runIds: readonly string[];
  /** SQL: whether the connection that asks holds the worker's lock. The driver may have reconnected. */
  holdsLock: SQL;
}

/**
 * Renews a worker's lease, and the leases of the runs that it works on. The lease of a run that it gave up expires. Undefined
 * when the worker's own lease had expired: its number is dead for good.
 *
 * It waits for no lock of a run, so that a locked run cannot let a worker die. A locked run is renewed the next time.
 */
export async function renewWorkerLease(
  db: Db,
  { workerId, botId, runIds, holdsLock }: LeaseRenewal,
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
