/**
 * Threads as people change them: closed, gone on with, their runs stopped.
 */
import { and, desc, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import { OPEN_STATUSES, RUNNING_STATUSES, WAITING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { hasStatus, replies, runs, threads } from "../../schema/index.ts";
import { findChat, isTopic, oncePerUpdate, type Place } from "./places.ts";

/** A thread in the list of `/threads`. */
export interface ThreadSummary {
  id: string;
  title: string | null;
  status: "open" | "closed";
  lastActivityAt: Date;
}

/** What a person may change with one update; a second delivery of that update changes nothing. */
export interface Change {
  /** Telegram's number of the update. */
  updateId: number;
  /** Only the runs of this asker are stopped; those of everyone when left out. */
  askerId?: string;
}

/** A run that ended before any worker had begun it. */
export interface CancelledRun {
  id: string;
  threadId: string;
  /** From the question's commit to the end, in milliseconds. */
  queuedMs: number;
}

/** What became of the runs that were to be stopped. */
export interface StoppedRuns {
  /** They are worked on: whoever does it ends them, and their answers say so. */
  running: number;
  /** They had not begun: they have ended, and nothing was said of it yet, neither to people nor in the log. */
  cancelled: CancelledRun[];
  /** They go on: another person asked. */
  refused: number;
}

/**
 * Closes the open thread of a place and asks its runs to stop (`/new`): the next message opens a new one.
 *
 * @returns what became of the runs, and null where no thread was open; undefined for an update that was seen before.
 */
export function closeThread(db: Db, place: Place, change: Change): Promise<StoppedRuns | null | undefined> {
  return oncePerUpdate(db, { ...place, ...change }, async (tx) => {
    const thread = await findOpenThread(tx, place);
    if (!thread) return null;
    const stopped = await requestStop(tx, eq(runs.threadId, thread.id), change);
    await tx.update(threads).set({ status: "closed", closedAt: sql`now()` }).where(eq(threads.id, thread.id));
    return stopped;
  });
}

/**
 * Stops the runs of a place (`/stop`), or one of them (the button). Those of closed threads too: an answer goes on when its
 * thread is left for another.
 *
 * @returns how many there were; undefined for an update that was seen before.
 */
export function stopRuns(db: Db, place: Place, change: Change & { runId?: string }): Promise<StoppedRuns | undefined> {
  return oncePerUpdate(db, { ...place, ...change }, async (tx) => {
    const chat = await findChat(tx, place.chat);
    if (!chat) return { running: 0, cancelled: [], refused: 0 };
    const here = tx
      .select({ id: threads.id })
      .from(threads)
      .where(and(eq(threads.chatId, chat.id), isTopic(place.topicId)));
    return requestStop(tx, inArray(runs.threadId, here), change);
  });
}

/** The threads of a place with something said in them, newest first; at most `limit`. */
export async function findThreads(db: Db, place: Place, limit: number): Promise<ThreadSummary[]> {
  const chat = await findChat(db, place.chat);
  if (!chat) return [];
  return db
    .select({ id: threads.id, title: threads.title, status: threads.status, lastActivityAt: threads.lastActivityAt })
    .from(threads)
    .where(and(eq(threads.chatId, chat.id), isTopic(place.topicId), isNotNull(threads.title)))
    .orderBy(desc(threads.lastActivityAt), desc(threads.id))
    .limit(limit);
}

/**
 * Goes on in an earlier thread of the place: it is opened, the one that was open is closed.
 *
 * @returns the thread; null where the place has none with this id, whoever made the id up; undefined for an update that
 * was seen before.
 */
export function resumeThread(
  db: Db,
  place: Place,
  { threadId, ...change }: Change & { threadId: string },
): Promise<ThreadSummary | null | undefined> {
  return oncePerUpdate(db, { ...place, ...change }, async (tx) => {
    const chat = await findChat(tx, place.chat);
    if (!chat) return null;
    const isHere = and(eq(threads.id, threadId), eq(threads.chatId, chat.id), isTopic(place.topicId));
    const [thread] = await tx.select({ id: threads.id }).from(threads).where(isHere).for("update");
    if (!thread) return null;

    await tx
      .update(threads)
      .set({ status: "closed", closedAt: sql`now()` })
      .where(
        and(eq(threads.chatId, chat.id), isTopic(place.topicId), eq(threads.status, "open"), ne(threads.id, threadId)),
      );
    const [resumed] = await tx
      .update(threads)
      .set({ status: "open", closedAt: null, lastActivityAt: sql`now()` })
      .where(eq(threads.id, threadId))
      .returning({
        id: threads.id,
        title: threads.title,
        status: threads.status,
        lastActivityAt: threads.lastActivityAt,
      });
    return resumed ?? null;
  });
}

/** Stops everything that a person asked for, wherever: within the transaction that takes their rights away. */
export function stopRunsOfAsker(tx: Db, askerId: string): Promise<StoppedRuns> {
  return requestStop(tx, eq(runs.askerId, askerId), {});
}

async function findOpenThread(tx: Db, place: Place) {
  const chat = await findChat(tx, place.chat);
  if (!chat) return undefined;
  const [thread] = await tx
    .select({ id: threads.id, title: threads.title, nextPosition: threads.nextPosition })
    .from(threads)
    .where(and(eq(threads.chatId, chat.id), isTopic(place.topicId), eq(threads.status, "open")))
    .for("update");
  return thread;
}

async function requestStop(
  tx: Db,
  isHere: SQL | undefined,
  only: { askerId?: string; runId?: string },
): Promise<StoppedRuns> {
  const isNamed = and(
    isHere,
    isNull(runs.stopRequestedAt),
    only.runId === undefined ? undefined : eq(runs.id, only.runId),
  );
  const isMeant = and(isNamed, only.askerId === undefined ? undefined : eq(runs.askerId, only.askerId));
  // Those that wait first: one that a worker claims at this moment is then seen as running.
  const cancelled = await cancelWaiting(tx, isMeant);
  const running = await tx
    .update(runs)
    .set({ stopRequestedAt: sql`now()` })
    .where(and(isMeant, hasStatus(runs.status, RUNNING_STATUSES)))
    .returning({ id: runs.id });
  for (const run of running) await publish(tx, { type: "run-stop", runId: run.id });
  const refused = only.askerId === undefined ? 0 : await countOpen(tx, and(isNamed, ne(runs.askerId, only.askerId)));
  return { running: running.length, cancelled, refused };
}

function countOpen(tx: Db, isMeant: SQL | undefined): Promise<number> {
  return tx.$count(runs, and(isMeant, hasStatus(runs.status, OPEN_STATUSES)));
}

/** Ends runs that no worker has begun: they would wait for the one before them only to be stopped. */
async function cancelWaiting(tx: Db, isMeant: SQL | undefined): Promise<CancelledRun[]> {
  const cancelled = await tx
    .update(runs)
    .set({ status: "cancelled", stopRequestedAt: sql`now()`, completedAt: sql`now()` })
    .where(and(isMeant, hasStatus(runs.status, WAITING_STATUSES)))
    .returning({
      id: runs.id,
      threadId: runs.threadId,
      queuedMs: sql<number>`(extract(epoch from clock_timestamp() - ${runs.queuedAt}) * 1000)::float8`,
    });
  for (const { id, threadId } of cancelled) {
    // Whoever stopped it hears so from the bot itself: there is nothing to deliver.
    await tx.update(replies).set({ status: "delivered", deliveredAt: sql`now()` }).where(eq(replies.runId, id));
    await publish(tx, { type: "run-changed", threadId, runId: id });
    // The thread's next run may have waited for this one.
    await publish(tx, { type: "run-queued", runId: id });
  }
  return cancelled;
}
