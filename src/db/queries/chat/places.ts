/**
 * Where conversations take place: chats as Telegram names them, topics, and the key that lets an update count once.
 */
import { and, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { chats, messages, replies, threads, updatesSeen } from "../../schema/index.ts";

/** A chat as Telegram names it, seen through one bot; or the terminal of `npm run ask`. */
export type ChatAddress =
  | { type: "private" | "group" | "supergroup"; botId: number; telegramId: number; title: string | null }
  | { type: "terminal" };

/** A chat, and in a forum the topic: where one conversation takes place. */
export interface Place {
  chat: ChatAddress;
  /** The forum topic; null for the chat itself. */
  topicId: number | null;
}

/** An update as it is told apart: Telegram's number of it, for the bot of the chat; null for the terminal. */
export interface UpdateKey {
  chat: ChatAddress;
  updateId: number | null;
}

/** Does `work` in one transaction with the update's key. @returns undefined for an update that was seen before. */
export function oncePerUpdate<T>(db: Db, update: UpdateKey, work: (tx: Db) => Promise<T>): Promise<T | undefined> {
  return db.transaction(async (tx) => ((await isFirstDelivery(tx, update)) ? work(tx) : undefined));
}

/** Finds or makes the chat; a renamed group gets its new title. */
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

/** The chat of an address; undefined where nothing was ever said. */
export async function findChat(db: Db, address: ChatAddress) {
  const isIt =
    address.type === "terminal"
      ? eq(chats.type, "terminal")
      : and(eq(chats.botId, address.botId), eq(chats.telegramId, address.telegramId));
  const [chat] = await db.select(chatColumns).from(chats).where(isIt).limit(1);
  return chat;
}

/** SQL: whether a thread belongs to this topic, null being the chat itself. */
export function isTopic(topicId: number | null) {
  return topicId === null ? isNull(threads.topicId) : eq(threads.topicId, topicId);
}

/**
 * A group became a supergroup: its chat keeps its id and gets Telegram's new one. A second notice changes nothing.
 *
 * Its messages have other numbers there, and theirs are other messages': replies that are still to be delivered are sent
 * anew and quote nothing, and what was said before can be neither quoted nor edited.
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
    await tx
      .update(replies)
      .set({ telegramMessageIds: [], replyToMessageId: null })
      .where(and(eq(replies.chatId, chat.id), inArray(replies.status, ["pending", "partial"])));
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
