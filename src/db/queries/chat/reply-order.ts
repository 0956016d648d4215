/**
 * The order of replies in a conversation across processes, and the takeover of replies from a dead worker.
 */
import { and, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { QUEUED_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { hasNoStatus, replies, runs, threads } from "../../schema/index.ts";

/** The position of a reply in the delivery order of its conversation, and its state in the chat. */
export interface ReplyPosition {
  /** Whether an earlier reply in the same chat and topic is not delivered yet. */
  isBehind: boolean;
  /** The messages that already show this reply. */
  telegramMessageIds: number[];
}

/**
 * SQL for a query with a reply (`replies`) and its thread (`threads`): whether an earlier reply in the same chat and topic
 * is not delivered yet. A reply whose run is queued blocks none.
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
    and ${earlier.status} in ('pending', 'partial') and ${hasNoStatus(run.status, QUEUED_STATUSES)}
    and ${thread.topicId} is not distinct from ${threads.topicId})`;
}

/**
 * Assigns replies to a worker. A message that was in flight when its earlier worker ended may be sent twice; that is counted.
 *
 * It returns the updated rows. Any other reference to `replies` in the same statement reads its snapshot, which misses the
 * last writes of the earlier worker.
 */
export function takeOverReply(db: Db, workerId: number, isWanted: SQL | undefined) {
  return db
    .update(replies)
    .set({ workerId, ...lostSend() })
    .where(and(isWanted, isUndelivered()))
    .returning();
}

/** The columns to set when the result of a message in flight will never be known: it may be sent twice, and is counted. */
export function lostSend() {
  return { resentCount: countWhereLost(sql`true`), sendingSince: null };
}

/** SQL: the count of lost sends, plus one if a message is in flight and `condition` holds. */
export function countWhereLost(condition: SQL): SQL {
  return sql`${replies.resentCount} + (${replies.sendingSince} is not null and ${condition})::int`;
}

/** SQL with literals: with parameters, the planner cannot prove that a partial index applies. */
export function isUndelivered(): SQL {
  return sql`${replies.status} in ('pending', 'partial')`;
}
