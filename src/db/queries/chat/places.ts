/**
 * Where conversations take place: chats and topics as Telegram identifies them, and the key that makes an update idempotent.
 */
import { and, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { chats, messages, replies, threads, updatesSeen } from "../../schema/index.ts";

/** A chat as Telegram identifies it for one bot, or the terminal of `npm run ask`. */
export type ChatAddress =
  | { type: "private" | "group" | "supergroup"; botId: number; telegramId: number; title: string | null }
  | { type: "terminal" };

/** The place of one conversation: a chat, and in a forum the topic. */
export interface Place {
  chat: ChatAddress;
  /** The forum topic; null for the chat itself. */
  topicId: number | null;
}

/** The key of an update: its Telegram id, unique per bot; null for the terminal. */
export interface UpdateKey {
  chat: ChatAddress;
  updateId: number | null;
}

/** Runs `work` in one transaction with the update's key. @returns undefined for a repeated delivery of the update. */
export function oncePerUpdate<T>(db: Db, update: UpdateKey, work: (tx: Db) => Promise<T>): Promise<T | undefined> {
  return db.transaction(async (tx) => ((await isFirstDelivery(tx, update)) ? work(tx) : undefined));
}

/** Finds or creates the chat; updates the title of a renamed group. */
export async function saveChat(tx: Db, address: ChatAddress) {
  const found = await findChat(tx, address);
  if (address.type === "terminal") {
    return found ?? getOne(tx.insert(chats).values({ type: "terminal" }).returning(chatColumns));
  }
  if (found && found.title === address.title) return found;
  const { botId, telegramId, type, title } = address;
  return getOne(
    tx
      .insert(chats)
      .values({ botId, telegramId, type, title })
      .onConflictDoUpdate({ target: [chats.botId, chats.telegramId], set: { type, title } })
      .returning(chatColumns),
  );
}

/** The chat of an address; undefined if it was never stored. */
export async function findChat(db: Db, address: ChatAddress) {
  const isIt =
    address.type === "terminal"
      ? eq(chats.type, "terminal")
      : and(eq(chats.botId, address.botId), eq(chats.telegramId, address.telegramId));
  const [chat] = await db.select(chatColumns).from(chats).where(isIt).limit(1);
  return chat;
}

/** SQL: whether a thread belongs to this topic; null is the chat itself. */
export function isTopic(topicId: number | null) {
  return topicId === null ? isNull(threads.topicId) : eq(threads.topicId, topicId);
}

/**
 * A group became a supergroup: the chat keeps our id and gets Telegram's new id. Repeating this changes nothing.
 *
 * Message ids of the old group mean other messages in the new one. So undelivered replies are sent again and quote nothing,
 * and nobody can quote or edit earlier messages any more.
 */
export async function migrateChat(
  db: Db,
  { botId, from, to }: { botId: number; from: number; to: number },
): Promise<void> {
  const isKnown = sql`exists (select 1 from ${chats} other where other.bot_id = ${botId} and other.telegram_id = ${to})`;
  await db.transaction(async (tx) => {
    const [chat] = await tx
      .update(chats)
      .set({ telegramId: to, type: "supergroup" })
      .where(and(eq(chats.botId, botId), eq(chats.telegramId, from), sql`not ${isKnown}`))
      .returning({ id: chats.id });
    if (!chat) return;
    await tx.update(replies).set({ telegramMessageIds: [], replyToMessageId: null }).where(eq(replies.chatId, chat.id));
    const threadsHere = tx.select({ id: threads.id }).from(threads).where(eq(threads.chatId, chat.id));
    await tx
      .update(messages)
      .set({ telegramMessageId: null })
      .where(and(inArray(messages.threadId, threadsHere), isNotNull(messages.telegramMessageId)));
  });
}

/** The one row of a statement that always returns one. */
export async function getOne<Row>(query: PromiseLike<Row[]>): Promise<Row> {
  const [row] = await query;
  if (!row) throw new Error("the statement returned no row");
  return row;
}

const chatColumns = { id: chats.id, type: chats.type, roleCeiling: chats.roleCeiling, title: chats.title };

async function isFirstDelivery(tx: Db, { chat, updateId }: UpdateKey): Promise<boolean> {
  if (chat.type === "terminal" || updateId === null) return true;
  const inserted = await tx
    .insert(updatesSeen)
    .values({ botId: chat.botId, updateId })
    .onConflictDoNothing()
    .returning({ updateId: updatesSeen.updateId });
  return inserted.length > 0;
}
