/**
 * The state of the queue for the metrics: what waits, how long, and how many workers are alive.
 *
 * The queries use the partial indexes of open rows, so the size of the tables does not matter. Ages use the database's clock.
 */
import { and, isNotNull, type SQL, sql } from "drizzle-orm";
import { OPEN_STATUSES, QUEUED_STATUSES, RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { hasStatus, replies, runs, workers } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";

/** All figures, one query after another. */
export async function readDatabaseState(db: Db) {
  const openRuns = await countOpenRuns(db);
  const deliveries = await countWaitingDeliveries(db);
  return { ...openRuns, ...deliveries, liveWorkers: await countLiveWorkers(db) };
}

/**
 * Queued and running runs, and how long the oldest queued run that could start has waited, in seconds. A run behind another
 * run of its thread waits for that one, not for a worker.
 */
export async function countOpenRuns(
  db: Db,
): Promise<{ queuedRuns: number; runningRuns: number; oldestQueuedSeconds: number }> {
  const open = db
    .select({
      status: runs.status,
      queuedAt: runs.queuedAt,
      isFirst: sql<boolean>`${runs.position} = min(${runs.position}) over (partition by ${runs.threadId})`.as(
        "is_first",
      ),
    })
    .from(runs)
    // The condition of the partial index.
    .where(hasStatus(runs.status, OPEN_STATUSES))
    .as("open");
  const isClaimable = hasStatus(open.status, QUEUED_STATUSES);
  const [row] = await db
    .select({
      queuedRuns: sql<number>`count(*) filter (where ${isClaimable})::int`,
      runningRuns: sql<number>`count(*) filter (where ${hasStatus(open.status, RUNNING_STATUSES)})::int`,
      oldestQueuedSeconds: secondsSince(sql`min(${open.queuedAt}) filter (where ${isClaimable} and ${open.isFirst})`),
    })
    .from(open);
  return row ?? { queuedRuns: 0, runningRuns: 0, oldestQueuedSeconds: 0 };
}

/**
 * Undelivered replies of ended runs, and how long ago the question of the oldest one arrived, in seconds. (The time since the
 * run's end would say more. But with thousands of waiting replies the planner would join them by reading all runs.)
 */
export async function countWaitingDeliveries(
  db: Db,
): Promise<{ waitingDeliveries: number; oldestDeliverySeconds: number }> {
  const [row] = await db
    .select({
      waitingDeliveries: sql<number>`count(*)::int`,
      oldestDeliverySeconds: secondsSince(sql`min(${replies.createdAt})`),
    })
    .from(replies)
    // The condition of the partial index.
    .where(and(sql`${replies.status} in ('pending', 'partial')`, isNotNull(replies.finalText)));
  return row ?? { waitingDeliveries: 0, oldestDeliverySeconds: 0 };
}

/** Live workers, of all processes and all bots on this database. */
export function countLiveWorkers(db: Db): Promise<number> {
  return db.$count(workers, workerIsAlive(workers.id));
}

/** 0 for null, and for a time in the future, which comes from another machine's clock. */
function secondsSince(time: SQL): SQL<number> {
  return sql<number>`greatest(0, coalesce(extract(epoch from now() - ${time}), 0))::float8`;
}
