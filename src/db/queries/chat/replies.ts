/**
 * Replies: which Telegram messages show a run, and whether the person has seen the end of it.
 *
 * A run ends at commit; its reply is delivered afterwards, by the same process or, when that one is gone, by another. Every
 * write is fenced by the worker that has the reply: one that was thought dead changes nothing any more.
 */
import { and, asc, eq, inArray, isNotNull, not, type SQL, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { chats, replies, runs, threads } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";
import { type StoredWindow, windowColumn } from "./chat-windows.ts";
import { countWhereLost, isBehind, isUndelivered, lostSend, takeOverReply } from "./reply-order.ts";

/** A reply whose run has ended and whose end was not delivered yet. */
export interface WaitingReply {
  id: string;
  runId: string;
  chatId: string;
  chatTelegramId: number;
  chatType: "private" | "group" | "supergroup" | "terminal";
  window: StoredWindow;
  topicId: number | null;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
  finalText: string;
  language: string;
  /** Why the run failed; null where it did not. */
  errorCode: string | null;
}

/** A reply in the hands of a worker: the key under which it writes. */
export interface ReplyClaim {
  id: string;
  workerId: number;
}

/** Another worker has the reply, or it was delivered: whoever gets this stops drawing it. */
export class ReplyLostError extends Error {
  constructor() {
    super("the reply belongs to another worker");
  }
}

/**
 * Claims the replies of a bot that nobody delivers: their run has ended, and the worker that had them is gone or is this one
 * and does not draw them (`drawn` are those it does). Only those whose turn it is: the others could but wait, and take the place
 * of what they wait for. Oldest first; at most `limit`.
 *
 * Claimed and read in one statement: whoever has a claim must know at that moment what to deliver.
 */
export async function claimWaitingReplies(
  db: Db,
  { botId, workerId, drawn, limit }: { botId: number; workerId: number; drawn: readonly string[]; limit: number },
): Promise<WaitingReply[]> {
  const orphaned = db
    .select({ id: replies.id })
    .from(replies)
    .innerJoin(chats, eq(chats.id, replies.chatId))
    .innerJoin(runs, eq(runs.id, replies.runId))
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .where(
      and(
        eq(chats.botId, botId),
        isNotNull(replies.finalText),
        isUndelivered(),
        // An end whose commit was not heard of is stored, and its run worked on no more.
        sql`(not ${workerIsAlive(replies.workerId)}
          or (${replies.workerId} = ${workerId} and not ${replies.id} = any(${uuidArray(drawn)})))`,
        workerIsAlive(sql`${workerId}`),
        not(isBehind()),
      ),
    )
    .orderBy(asc(replies.number))
    .limit(limit)
    .for("update", { of: replies, skipLocked: true });
  const claimed = db.$with("claimed").as(takeOverReply(db, workerId, inArray(replies.id, orphaned)));
  const rows = await db
    .with(claimed)
    .select({
      id: claimed.id,
      runId: claimed.runId,
      chatId: claimed.chatId,
      chatTelegramId: chats.telegramId,
      chatType: chats.type,
      window: windowColumn(),
      topicId: threads.topicId,
      replyToMessageId: claimed.replyToMessageId,
      telegramMessageIds: claimed.telegramMessageIds,
      finalText: claimed.finalText,
      language: runs.language,
      errorCode: runs.errorCode,
    })
    .from(claimed)
    .innerJoin(chats, eq(chats.id, claimed.chatId))
    .innerJoin(runs, eq(runs.id, claimed.runId))
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .orderBy(asc(claimed.number));
  return rows.flatMap((row) => {
    const { chatTelegramId, finalText } = row;
    return chatTelegramId === null || finalText === null ? [] : [{ ...row, chatTelegramId, finalText }];
  });
}

/** Whether a reply before this one, in the same chat and topic, is still to be delivered; and what shows this one now. */
export async function findReplyTurn(
  db: Db,
  replyId: string,
): Promise<{ isBehind: boolean; telegramMessageIds: number[] } | undefined> {
  const [turn] = await db
    .select({ isBehind: isBehind(), telegramMessageIds: replies.telegramMessageIds })
    .from(replies)
    .innerJoin(runs, eq(runs.id, replies.runId))
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .where(eq(replies.id, replyId));
  return turn;
}

/**
 * Notes that a message of the reply is on its way: until it is known what came of it, it may stand there twice. One that was
 * on its way before is counted: its answer was lost.
 *
 * @param sendingSince tells this message from the one before, so that what is stored twice counts once
 */
export async function recordSending(db: Db, claim: ReplyClaim, sendingSince: Date): Promise<void> {
  const since = sql`${sendingSince.toISOString()}::timestamptz`;
  const isLost = sql`${replies.sendingSince} is distinct from ${since}`;
  await update(db, claim, { sendingSince: since, resentCount: countWhereLost(isLost) });
}

/** The message that was on its way was surely not sent. */
export async function recordNotSent(db: Db, claim: ReplyClaim): Promise<void> {
  await update(db, claim, { sendingSince: null });
}

/**
 * Stores the Telegram messages of a reply, as soon as they are known.
 *
 * @throws {ReplyLostError} here and below, when another worker has the reply or it has come to its end.
 */
export async function saveReplyPages(db: Db, claim: ReplyClaim, telegramMessageIds: readonly number[]): Promise<void> {
  await update(db, claim, { telegramMessageIds: [...telegramMessageIds], status: "partial", sendingSince: null });
}

/** The person has the whole reply before them. */
export async function markDelivered(db: Db, claim: ReplyClaim): Promise<void> {
  await update(db, claim, { status: "delivered", deliveredAt: sql`now()`, ...lostSend() });
}

/** Telegram said that it never will: blocked, chat gone. `error` in words for an admin. */
export async function markUndeliverable(db: Db, claim: ReplyClaim, error: string): Promise<void> {
  await update(db, claim, { status: "failed", error, ...lostSend() });
}

/**
 * Looks whether the reply is still this worker's to draw: before an end is shown by an edit, which notes nothing.
 *
 * @throws {ReplyLostError} when it is not.
 */
export async function confirmReply(db: Db, claim: ReplyClaim): Promise<void> {
  const found = await db.select({ id: replies.id }).from(replies).where(isHeldUnder(claim));
  if (found.length === 0) throw new ReplyLostError();
}

/**
 * Gives up what waits to be delivered to a person in private: within the transaction that takes their rights away. Whoever
 * draws it hears so at the next message, and before the end is shown.
 */
export async function giveUpRepliesTo(tx: Db, askerId: string): Promise<void> {
  const isTheirs = sql`exists (select 1 from ${runs} where ${runs.id} = ${replies.runId} and ${runs.askerId} = ${askerId})`;
  const isPrivate = sql`exists (select 1 from ${chats} where ${chats.id} = ${replies.chatId} and ${chats.type} = 'private')`;
  const error = "The person who asked was removed from the staff.";
  await tx
    .update(replies)
    .set({ status: "failed", error, ...lostSend() })
    .where(and(isUndelivered(), isNotNull(replies.finalText), isTheirs, isPrivate));
}

/** Leaves a reply to whoever looks next for what waits: this process has too many. */
export async function releaseReply(db: Db, claim: ReplyClaim): Promise<void> {
  await update(db, claim, { workerId: null });
}

async function update(db: Db, claim: ReplyClaim, set: PgUpdateSetSource<typeof replies>): Promise<void> {
  const changed = await db.update(replies).set(set).where(isHeldUnder(claim)).returning({ id: replies.id });
  if (changed.length === 0) throw new ReplyLostError();
}

function isHeldUnder({ id, workerId }: ReplyClaim): SQL | undefined {
  return and(eq(replies.id, id), eq(replies.workerId, workerId), isUndelivered());
}
