/**
 * Replies: which Telegram messages show a run, and whether the person has seen the end of it.
 *
 * A run ends at commit; its reply is delivered afterwards, by the same process or, when that one is gone, by another.
 */
import { and, asc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { chats, replies, runs, threads } from "../schema/index.ts";
import { workerIsAlive } from "../worker-lock.ts";

/** A reply whose run has ended and whose end was not delivered yet. */
export interface WaitingReply {
  id: string;
  runId: string;
  chatId: string;
  chatTelegramId: number;
  chatType: "private" | "group" | "supergroup" | "terminal";
  topicId: number | null;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
  finalText: string;
}

/**
 * Claims the replies of a bot that nobody delivers: their run has ended and the worker that had them is gone. Oldest
 * first; at most `limit`.
 *
 * Claimed and read in one statement: a claim lets the thread's next run begin, so whoever has it must know at that moment
 * what to deliver first.
 */
export async function claimWaitingReplies(
  db: Db,
  { botId, workerId, limit }: { botId: number; workerId: number; limit: number },
): Promise<WaitingReply[]> {
  const orphaned = db
    .select({ id: replies.id })
    .from(replies)
    .innerJoin(chats, eq(chats.id, replies.chatId))
    .innerJoin(runs, eq(runs.id, replies.runId))
    .where(
      and(
        eq(chats.botId, botId),
        isNotNull(replies.finalText),
        // As the partial index says it.
        sql`${replies.status} in ('pending', 'partial')`,
        // Whoever worked on the run delivers its reply, unless another has claimed it since.
        sql`not ${workerIsAlive(sql`coalesce(${replies.workerId}, ${runs.workerId})`)}`,
      ),
    )
    .orderBy(asc(replies.createdAt), asc(replies.id))
    .limit(limit)
    .for("update", { of: replies, skipLocked: true });
  const claimed = db
    .$with("claimed")
    .as(db.update(replies).set({ workerId }).where(inArray(replies.id, orphaned)).returning({ id: replies.id }));
  const rows = await db
    .with(claimed)
    .select({
      id: replies.id,
      runId: replies.runId,
      chatId: replies.chatId,
      chatTelegramId: chats.telegramId,
      chatType: chats.type,
      topicId: threads.topicId,
      replyToMessageId: replies.replyToMessageId,
      telegramMessageIds: replies.telegramMessageIds,
      finalText: replies.finalText,
    })
    .from(claimed)
    .innerJoin(replies, eq(replies.id, claimed.id))
    .innerJoin(chats, eq(chats.id, replies.chatId))
    .innerJoin(runs, eq(runs.id, replies.runId))
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .orderBy(asc(replies.createdAt), asc(replies.id));
  return rows.flatMap((row) => {
    const { chatTelegramId, finalText } = row;
    return chatTelegramId === null || finalText === null ? [] : [{ ...row, chatTelegramId, finalText }];
  });
}

/**
 * Stores the Telegram messages of a reply, as soon as they are known. Here and below: a reply that has come to its end
 * meanwhile, by another worker, stays as it is.
 */
export async function saveReplyPages(db: Db, replyId: string, telegramMessageIds: readonly number[]): Promise<void> {
  await db
    .update(replies)
    .set({ telegramMessageIds: [...telegramMessageIds], status: "partial" })
    .where(isOpen(replyId));
}

/** The person has the whole reply before them. */
export async function markDelivered(db: Db, replyId: string): Promise<void> {
  await db.update(replies).set({ status: "delivered", deliveredAt: sql`now()` }).where(isOpen(replyId));
}

/** Telegram said that it never will: blocked, chat gone. `error` in words for an admin. */
export async function markUndeliverable(db: Db, replyId: string, error: string): Promise<void> {
  await db.update(replies).set({ status: "failed", error }).where(isOpen(replyId));
}

function isOpen(replyId: string) {
  return and(eq(replies.id, replyId), inArray(replies.status, ["pending", "partial"]));
}
