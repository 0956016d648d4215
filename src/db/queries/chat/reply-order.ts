/**
 * The order of replies in a conversation, across processes, and whose each is: the fence for what a worker that was thought
 * dead still writes.
 */
import { and, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { FIRST_STATUS } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { replies, runs, statusLiteral, threads } from "../../schema/index.ts";

/**
 * SQL for a query that has a reply (`replies`) and its thread (`threads`): whether one before it, in the same chat and topic,
 * is still to be delivered. One whose run has not begun holds up nobody.
 */
export function isBehind(): SQL<boolean> {
  const [earlier, run, thread] = [
    alias(replies, "earlier"),
    alias(runs, "earlier_run"),
    alias(threads, "earlier_thread"),
  ];
  return sql<boolean>`exists (select 1 from ${replies} ${earlier}
    join ${runs} ${run} on ${run.id} = ${earlier.runId} join ${threads} ${thread} on ${thread.id} = ${run.threadId}
    where ${earlier.chatId} = ${replies.chatId} and ${earlier.number} < ${replies.number}
    and ${earlier.status} in ('pending', 'partial') and ${run.status} <> ${statusLiteral(FIRST_STATUS)}
    and ${thread.topicId} is not distinct from ${threads.topicId})`;
}

/**
 * Makes a worker the one who draws replies. One whose message was on its way when its worker ended may stand twice from now
 * on: that is counted. It returns the replies as they are now: the same statement would see them elsewhere as it found them, and
 * miss what their worker wrote last.
 */
export function takeOverReply(db: Db, workerId: number, isMeant: SQL | undefined) {
  return db
    .update(replies)
    .set({ workerId, ...lostSend() })
    .where(and(isMeant, isUndelivered()))
    .returning();
}

/** What to set where nobody will learn any more what came of a message that was on its way: it may stand twice, and counts. */
export function lostSend() {
  return { resentCount: countWhereLost(sql`true`), sendingSince: null };
}

/** SQL: the count, with one more where a message is on its way and this is so. */
export function countWhereLost(isSo: SQL): SQL {
  return sql`${replies.resentCount} + (${replies.sendingSince} is not null and ${isSo})::int`;
}

/** SQL, with the words in it: where they are parameters, the planner cannot know that a partial index fits. */
export function isUndelivered(): SQL {
  return sql`${replies.status} in ('pending', 'partial')`;
}
