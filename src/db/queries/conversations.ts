/**
 * Conversations as the bot changes them: a message taken in with its run, threads opened, closed and gone on with, runs
 * stopped.
 *
 * Order in a thread is the position given under the thread's row lock, never a time or an id.
 */
import { and, desc, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import { lowerRole, type StaffRole } from "../../roles.ts";
import type { Db } from "../client.ts";
import { publish } from "../notify.ts";
import { chats, messages, replies, runs, threads, updatesSeen } from "../schema/index.ts";

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

export interface IncomingMessage extends Place {
  /** Telegram's number of the update; null for the terminal. */
  updateId: number | null;
  author: { id: string | null; role: StaffRole };
  language: string;
  text: string;
  telegramMessageId: number | null;
}

/** A message that was taken in, or undefined for an update that was seen before: it changed nothing. */
export type ReceivedMessage = { threadId: string; runId: string; messageId: string } | undefined;

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

const MAX_TITLE_CHARACTERS = 80;
/** In UTF-16 units: one character may be made of any number of them, and titles stand on buttons. */
const MAX_TITLE_LENGTH = 320;
const OPEN_STATUSES = ["queued", "in_progress", "requires_action"] as const;

/**
 * Takes a person's message in: the update's key, the chat, the thread, the message and a queued run, in one transaction.
 *
 * Only when this has returned may the update be confirmed to Telegram. The run's role is the author's, in a group at
 * most the group's ceiling.
 */
export function receiveMessage(db: Db, incoming: IncomingMessage): Promise<ReceivedMessage> {
  return oncePerUpdate(db, incoming, async (tx) => {
    const chat = await saveChat(tx, incoming.chat);
    const thread = await lockOpenThread(tx, chat.id, incoming.topicId);
    const position = thread.nextPosition;
    const role =
      chat.type === "private" || chat.type === "terminal"
        ? incoming.author.role
        : lowerRole(incoming.author.role, chat.roleCeiling);

    const run = await insertOne(
      tx
        .insert(runs)
        .values({
          threadId: thread.id,
          position,
          askerId: incoming.author.id,
          askerRole: role,
          language: incoming.language,
        })
        .returning({ id: runs.id }),
    );
    const message = await insertOne(
      tx
        .insert(messages)
        .values({
          threadId: thread.id,
          position,
          role: "user",
          text: incoming.text,
          authorId: incoming.author.id,
          visibleTo: role,
          runId: run.id,
          telegramMessageId: incoming.telegramMessageId,
          completedAt: sql`now()`,
        })
        .returning({ id: messages.id }),
    );
    if (chat.type !== "terminal") {
      await tx.insert(replies).values({ runId: run.id, chatId: chat.id, replyToMessageId: incoming.telegramMessageId });
    }
    await tx
      .update(threads)
      .set({
        nextPosition: position + 1,
        title: thread.title ?? titleOf(incoming.text),
        lastActivityAt: sql`now()`,
      })
      .where(eq(threads.id, thread.id));
    await publish(tx, { type: "run-queued", runId: run.id });
    return { threadId: thread.id, runId: run.id, messageId: message.id };
  });
}

/**
 * Closes the open thread of a place and asks its runs to stop (`/new`): the next message opens a new one.
 *
 * @returns whether there was one with anything said in it; undefined for an update that was seen before.
 */
export function closeThread(db: Db, place: Place, change: Change): Promise<boolean | undefined> {
  return oncePerUpdate(db, { ...place, ...change }, async (tx) => {
    const thread = await findOpenThread(tx, place);
    if (!thread) return false;
    await requestStop(tx, eq(runs.threadId, thread.id), change);
    await tx.update(threads).set({ status: "closed", closedAt: sql`now()` }).where(eq(threads.id, thread.id));
    return true;
  });
}

/**
 * Asks the runs of a place to stop (`/stop`), or one of them (the button). Those of closed threads too: an answer goes
 * on when its thread is left for another.
 *
 * @returns how many runs were asked; undefined for an update that was seen before.
 */
export function stopRuns(db: Db, place: Place, change: Change & { runId?: string }): Promise<number | undefined> {
  return oncePerUpdate(db, { ...place, ...change }, async (tx) => {
    const chat = await findChat(tx, place.chat);
    if (!chat) return 0;
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

/** A group became a supergroup: its chat keeps its id and gets Telegram's new one. A second notice changes nothing. */
export async function migrateChat(
  db: Db,
  { botId, from, to }: { botId: number; from: number; to: number },
): Promise<void> {
  await db
    .update(chats)
    .set({ telegramId: to, type: "supergroup" })
    .where(
      and(
        eq(chats.botId, botId),
        eq(chats.telegramId, from),
        sql`not exists (select 1 from ${chats} other where other.bot_id = ${botId} and other.telegram_id = ${to})`,
      ),
    );
}

/** Does `work` in one transaction with the update's key. @returns undefined for an update that was seen before. */
function oncePerUpdate<T>(
  db: Db,
  update: Pick<IncomingMessage, "chat" | "updateId">,
  work: (tx: Db) => Promise<T>,
): Promise<T | undefined> {
  return db.transaction(async (tx) => ((await isFirstDelivery(tx, update)) ? work(tx) : undefined));
}

async function isFirstDelivery(
  tx: Db,
  { chat, updateId }: Pick<IncomingMessage, "chat" | "updateId">,
): Promise<boolean> {
  if (chat.type === "terminal" || updateId === null) return true;
  const inserted = await tx
    .insert(updatesSeen)
    .values({ botId: chat.botId, updateId })
    .onConflictDoNothing()
    .returning({ updateId: updatesSeen.updateId });
  return inserted.length > 0;
}

const chatColumns = { id: chats.id, type: chats.type, roleCeiling: chats.roleCeiling, title: chats.title };

async function saveChat(tx: Db, address: ChatAddress) {
  const found = await findChat(tx, address);
  if (address.type === "terminal") {
    return found ?? insertOne(tx.insert(chats).values({ type: "terminal" }).returning(chatColumns));
  }
  if (found && found.title === address.title) return found;
  const { botId, telegramId, type, title } = address;
  return insertOne(
    tx
      .insert(chats)
      .values({ botId, telegramId, type, title })
      .onConflictDoUpdate({ target: [chats.botId, chats.telegramId], set: { type, title } })
      .returning(chatColumns),
  );
}

async function findChat(db: Db, address: ChatAddress) {
  const isIt =
    address.type === "terminal"
      ? eq(chats.type, "terminal")
      : and(eq(chats.botId, address.botId), eq(chats.telegramId, address.telegramId));
  const [chat] = await db.select(chatColumns).from(chats).where(isIt).limit(1);
  return chat;
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

async function lockOpenThread(tx: Db, chatId: string, topicId: number | null) {
  const isOpenHere = and(eq(threads.chatId, chatId), isTopic(topicId), eq(threads.status, "open"));
  const columns = { id: threads.id, title: threads.title, nextPosition: threads.nextPosition };
  const find = () => tx.select(columns).from(threads).where(isOpenHere).for("update");
  const [found] = await find();
  if (found) return found;
  // Another process may open it at the same moment: the unique index lets one of the two in, and both find that one.
  await tx.insert(threads).values({ chatId, topicId }).onConflictDoNothing();
  return insertOne(find());
}

async function requestStop(
  tx: Db,
  isHere: SQL | undefined,
  only: { askerId?: string; runId?: string },
): Promise<number> {
  const stopped = await tx
    .update(runs)
    .set({ stopRequestedAt: sql`now()` })
    .where(
      and(
        isHere,
        inArray(runs.status, [...OPEN_STATUSES]),
        isNull(runs.stopRequestedAt),
        only.askerId === undefined ? undefined : eq(runs.askerId, only.askerId),
        only.runId === undefined ? undefined : eq(runs.id, only.runId),
      ),
    )
    .returning({ id: runs.id });
  for (const run of stopped) await publish(tx, { type: "run-stop", runId: run.id });
  return stopped.length;
}

async function insertOne<Row>(query: PromiseLike<Row[]>): Promise<Row> {
  const [row] = await query;
  if (!row) throw new Error("the statement returned no row");
  return row;
}

function isTopic(topicId: number | null) {
  return topicId === null ? isNull(threads.topicId) : eq(threads.topicId, topicId);
}

/** The first line of the first question, cut at a whole character as people see it. */
function titleOf(text: string): string {
  const line = text.trim().split("\n", 1)[0] ?? "";
  const kept: string[] = [];
  let length = 0;
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    length += segment.length;
    if (kept.length === MAX_TITLE_CHARACTERS || length > MAX_TITLE_LENGTH) {
      return `${kept.slice(0, MAX_TITLE_CHARACTERS - 1).join("")}…`;
    }
    kept.push(segment);
  }
  return line;
}
