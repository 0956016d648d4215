/**
 * What people do to threads: list, close and resume them, and stop their runs.
 */
import { and, desc, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import { BEGUN_STATUSES, OPEN_STATUSES, QUEUED_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { hasStatus, replies, runs, threads } from "../../schema/index.ts";
import { findChat, isTopic, oncePerUpdate, type Place } from "./places.ts";

/** A thread as `/threads` lists it. */
export interface ThreadSummary {
  id: string;
  title: string | null;
  status: "open" | "closed";
  lastActivityAt: Date;
}

/** One command of a person; a repeated delivery of its update changes nothing. */
export interface ThreadCommand {
  /** Telegram's id of the update. */
  updateId: number;
  /** Stop only the runs of this person. Default: the runs of everyone. */
  askerId?: string;
}

/** A run that was cancelled before a worker claimed it. */
export interface CancelledRun {
  id: string;
  threadId: string;
  /** From the question's commit to the end, in milliseconds. */
  queuedMs: number;
}

/** The result of a request to stop runs. */
export interface StoppedRuns {
  /** How many are in progress: their workers stop them, and their answers say so. */
  running: number;
  /** Queued runs, now cancelled. The caller tells people and the log. */
  cancelled: CancelledRun[];
  /** How many continue, because another person asked. */
  refused: number;
}

/**
 * Closes the open thread of a place and stops its runs (`/new`). The next message opens a new thread.
 *
 * @returns the stopped runs; null if no thread was open; undefined for a repeated delivery of the update.
 */
export function closeThread(db: Db, place: Place, command: ThreadCommand): Promise<StoppedRuns | null | undefined> {
  return oncePerUpdate(db, { ...place, ...command }, async (tx) => {
    const thread = await findOpenThread(tx, place);
    if (!thread) return null;
    const stopped = await requestStop(tx, eq(runs.threadId, thread.id), command);
    await tx.update(threads).set({ status: "closed", closedAt: sql`now()` }).where(eq(threads.id, thread.id));
    return stopped;
  });
}

/**
 * Stops the runs of a place (`/stop`), or one run of its chat (the stop button: Telegram does not name the topic of an old
 * message). Runs of closed threads too: an answer continues when people switch to another thread.
 *
 * @returns the stopped runs; undefined for a repeated delivery of the update.
 */
export function stopRuns(
  db: Db,
  place: Place,
  command: ThreadCommand & { runId?: string },
): Promise<StoppedRuns | undefined> {
  return oncePerUpdate(db, { ...place, ...command }, async (tx) => {
    const chat = await findChat(tx, place.chat);
    if (!chat) return { running: 0, cancelled: [], refused: 0 };
    const isHere = command.runId === undefined ? isTopic(place.topicId) : undefined;
    const here = tx
      .select({ id: threads.id })
      .from(threads)
      .where(and(eq(threads.chatId, chat.id), isHere));
    return requestStop(tx, inArray(runs.threadId, here), command);
  });
}

/** The threads of a place that have a message, the most recently active first; at most `limit`. */
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
 * Resumes an earlier thread of the chat: opens it and closes the thread that was open in its topic.
 *
 * @returns the thread; null if the chat has no thread with this id; undefined for a repeated delivery of the update.
 */
export function resumeThread(
  db: Db,
  place: Pick<Place, "chat">,
  { threadId, ...command }: ThreadCommand & { threadId: string },
): Promise<ThreadSummary | null | undefined> {
  return oncePerUpdate(db, { ...place, ...command }, async (tx) => {
    const chat = await findChat(tx, place.chat);
    if (!chat) return null;
    const isHere = and(eq(threads.id, threadId), eq(threads.chatId, chat.id));
    const [thread] = await tx.select({ topicId: threads.topicId }).from(threads).where(isHere).for("update");
    if (!thread) return null;

    await tx
      .update(threads)
      .set({ status: "closed", closedAt: sql`now()` })
      .where(
        and(eq(threads.chatId, chat.id), isTopic(thread.topicId), eq(threads.status, "open"), ne(threads.id, threadId)),
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

/** Stops all runs of a person, in the transaction that removes their access. */
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
  const isWanted = and(
    isHere,
    isNull(runs.stopRequestedAt),
    only.runId === undefined ? undefined : eq(runs.id, only.runId),
  );
  const isAllowed = and(isWanted, only.askerId === undefined ? undefined : eq(runs.askerId, only.askerId));
  // Queued runs first: a run that a worker claims at this moment is then found as running.
  const cancelled = await cancelQueued(tx, isAllowed);
  const running = await tx
    .update(runs)
    .set({ stopRequestedAt: sql`now()` })
    .where(and(isAllowed, hasStatus(runs.status, BEGUN_STATUSES)))
    .returning({ id: runs.id });
  for (const run of running) await publish(tx, { type: "run-stop", runId: run.id });
  const refused = only.askerId === undefined ? 0 : await countOpen(tx, and(isWanted, ne(runs.askerId, only.askerId)));
  return { running: running.length, cancelled, refused };
}

function countOpen(tx: Db, condition: SQL | undefined): Promise<number> {
  return tx.$count(runs, and(condition, hasStatus(runs.status, OPEN_STATUSES)));
}

/** Cancels queued runs at once: otherwise they would wait for the run before them only to be stopped. */
async function cancelQueued(tx: Db, condition: SQL | undefined): Promise<CancelledRun[]> {
  const cancelled = await tx
    .update(runs)
    .set({ status: "cancelled", stopRequestedAt: sql`now()`, completedAt: sql`now()` })
    .where(and(condition, hasStatus(runs.status, QUEUED_STATUSES)))
    .returning({
      id: runs.id,
      threadId: runs.threadId,
      queuedMs: sql<number>`(extract(epoch from clock_timestamp() - ${runs.queuedAt}) * 1000)::float8`,
    });
  for (const { id, threadId } of cancelled) {
    // The bot confirms the stop itself, so there is nothing to deliver.
    await tx.update(replies).set({ status: "delivered", deliveredAt: sql`now()` }).where(eq(replies.runId, id));
    await publish(tx, { type: "run-changed", threadId, runId: id });
    // The next run of the thread may have waited for this one.
    await publish(tx, { type: "run-queued", runId: id });
  }
  return cancelled;
}
