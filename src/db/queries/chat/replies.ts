/**
 * Replies: the Telegram messages that show a run, and their delivery state.
 *
 * A run ends at commit. Its reply is delivered afterwards, by the same process or, if that one is gone, by another. Every
 * write is fenced by the worker that holds the reply: a worker that lost it changes nothing.
 */
import { and, asc, eq, inArray, isNotNull, not, type SQL, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { chats, replies, runs, threads } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";
import { type StoredWindow, windowColumn } from "./chat-windows.ts";
import { countWhereLost, isBehind, isUndelivered, lostSend, type ReplyPosition, takeOverReply } from "./reply-order.ts";

/** A reply whose run has ended but that is not fully delivered. */
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
  /** Why the run failed; null if it did not. */
  errorCode: string | null;
}

/** A reply and the worker that holds it: the fencing key of every write. */
export interface ReplyClaim {
  id: string;
  workerId: number;
}

/** Another worker holds the reply, or its delivery has ended. The receiver must stop rendering it. */
export class ReplyLostError extends Error {
  constructor() {
    super("the reply belongs to another worker");
  }
}

export interface WaitingRepliesClaim {
  botId: number;
  workerId: number;
  /** Replies that this worker already has in memory. */
  openReplyIds: readonly string[];
  limit: number;
}

/**
 * Claims waiting replies of a bot, the oldest first, at most `limit`.
 *
 * A reply waits if its run has ended and nobody delivers it: its worker is dead, or it is this worker and the reply is not in
 * `openReplyIds`. Replies behind another one are left out: they could not be sent yet, and would fill the batch.
 *
 * One statement claims and reads, so that the content belongs to the moment of the claim.
 */
export async function claimWaitingReplies(db: Db, claim: WaitingRepliesClaim): Promise<WaitingReply[]> {
  const waiting = inArray(replies.id, selectWaiting(db, claim));
  const claimed = db.$with("claimed").as(takeOverReply(db, claim.workerId, waiting));
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

function selectWaiting(db: Db, { botId, workerId, openReplyIds, limit }: WaitingRepliesClaim) {
  return db
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
        // This worker's own: it committed the end of the run, but lost the database's answer.
        sql`(not ${workerIsAlive(replies.workerId)}
          or (${replies.workerId} = ${workerId} and not ${replies.id} = any(${uuidArray(openReplyIds)})))`,
        workerIsAlive(sql`${workerId}`),
        not(isBehind()),
      ),
    )
    .orderBy(asc(replies.number))
    .limit(limit)
    .for("update", { of: replies, skipLocked: true });
}

/** The current position of a reply; undefined if it does not exist. */
export async function findReplyPosition(db: Db, replyId: string): Promise<ReplyPosition | undefined> {
  const [position] = await db
    .select({ isBehind: isBehind(), telegramMessageIds: replies.telegramMessageIds })
    .from(replies)
    .innerJoin(runs, eq(runs.id, replies.runId))
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .where(eq(replies.id, replyId));
  return position;
}

/**
 * Records that a message of the reply is in flight: until its result is known, sending it again may duplicate it. If another
 * message was already in flight, its result is lost, and it is counted.
 *
 * @param sendingSince identifies this message, so that a repeated write counts once
 */
export async function recordSending(db: Db, claim: ReplyClaim, sendingSince: Date): Promise<void> {
  const since = sql`${sendingSince.toISOString()}::timestamptz`;
  const isLost = sql`${replies.sendingSince} is distinct from ${since}`;
  await update(db, claim, { sendingSince: since, resentCount: countWhereLost(isLost) });
}

/** Records that the message in flight was certainly not sent. */
export async function recordNotSent(db: Db, claim: ReplyClaim): Promise<void> {
  await update(db, claim, { sendingSince: null });
}

/**
 * Stores the Telegram messages of a reply, as soon as their ids are known.
 *
 * @throws {ReplyLostError} here and below, if another worker holds the reply or its delivery has ended.
 */
export async function saveReplyPages(db: Db, claim: ReplyClaim, telegramMessageIds: readonly number[]): Promise<void> {
  await update(db, claim, { telegramMessageIds: [...telegramMessageIds], status: "partial", sendingSince: null });
}

/** Records that the chat shows the whole reply. */
export async function markDelivered(db: Db, claim: ReplyClaim): Promise<void> {
  await update(db, claim, { status: "delivered", deliveredAt: sql`now()`, ...lostSend() });
}

/** Records that the reply can never be delivered: bot blocked, chat gone. `error` is a text for admins. */
export async function markUndeliverable(db: Db, claim: ReplyClaim, error: string): Promise<void> {
  await update(db, claim, { status: "failed", error, ...lostSend() });
}

/**
 * Checks that this worker still holds the reply. Needed before an edit shows the end, because an edit writes nothing here.
 *
 * @throws {ReplyLostError} if it does not.
 */
export async function confirmReply(db: Db, claim: ReplyClaim): Promise<void> {
  const found = await db.select({ id: replies.id }).from(replies).where(isHeldBy(claim));
  if (found.length === 0) throw new ReplyLostError();
}

/**
 * Cancels the finished replies that wait for delivery in a person's private chat, in the transaction that removes their
 * access. A worker that renders one learns of it at its next message, and before it shows the end.
 */
export async function cancelRepliesTo(tx: Db, askerId: string): Promise<void> {
  const isTheirs = sql`exists (select 1 from ${runs} where ${runs.id} = ${replies.runId} and ${runs.askerId} = ${askerId})`;
  const isPrivate = sql`exists (select 1 from ${chats} where ${chats.id} = ${replies.chatId} and ${chats.type} = 'private')`;
  const error = "The person who asked was removed from the staff.";
  await tx
    .update(replies)
    .set({ status: "failed", error, ...lostSend() })
    .where(and(isUndelivered(), isNotNull(replies.finalText), isTheirs, isPrivate));
}

/** Gives a reply back, for any process to claim: this one has too many. */
export async function releaseReply(db: Db, claim: ReplyClaim): Promise<void> {
  await update(db, claim, { workerId: null });
}

async function update(db: Db, claim: ReplyClaim, set: PgUpdateSetSource<typeof replies>): Promise<void> {
  const changed = await db.update(replies).set(set).where(isHeldBy(claim)).returning({ id: replies.id });
  if (changed.length === 0) throw new ReplyLostError();
}

function isHeldBy({ id, workerId }: ReplyClaim): SQL | undefined {
  return and(eq(replies.id, id), eq(replies.workerId, workerId), isUndelivered());
}
