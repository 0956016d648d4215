/**
 * The state of the queue in figures, for whoever watches over the processes: what waits, how long, who is alive.
 *
 * Read by the indexes of what is open, so that the tables' size does not matter. Ages are by the database's clock.
 */
import { and, isNotNull, type SQL, sql } from "drizzle-orm";
import { CLAIMABLE_STATUSES, OPEN_STATUSES, RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { hasStatus, replies, runs, workers } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";

/** All of it, one statement after the other. */
export async function readDatabaseState(db: Db) {
  const openRuns = await countOpenRuns(db);
  const deliveries = await countWaitingDeliveries(db);
  return { ...openRuns, ...deliveries, liveWorkers: await countLiveWorkers(db) };
}

/**
 * Runs that wait or are in hand, and how long the oldest that could begin has waited, in seconds: one behind another of its
 * thread waits for that one, and not for a worker.
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
    // As the partial index says it.
    .where(hasStatus(runs.status, OPEN_STATUSES))
    .as("open");
  const isClaimable = hasStatus(open.status, CLAIMABLE_STATUSES);
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
 * Replies whose run has ended and which are not delivered, and how long ago the question of the oldest came in, in seconds.
 * (Since the run's end would say more; joined to its runs, thousands that wait make the planner read all runs there are.)
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
    // As the partial index says it.
    .where(and(sql`${replies.status} in ('pending', 'partial')`, isNotNull(replies.finalText)));
  return row ?? { waitingDeliveries: 0, oldestDeliverySeconds: 0 };
}

/** Workers that are believed, of all processes and all bots on this database. */
export function countLiveWorkers(db: Db): Promise<number> {
  return db.$count(workers, workerIsAlive(workers.id));
}

/** 0 for null, and for a time that another clock has put into the future. */
function secondsSince(time: SQL): SQL<number> {
  return sql<number>`greatest(0, coalesce(extract(epoch from now() - ${time}), 0))::float8`;
}
