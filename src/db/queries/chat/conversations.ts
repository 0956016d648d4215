/**
 * Storing a person's message: the one transaction between Telegram's update and a run in the queue.
 *
 * The order in a thread is the position that is assigned under the thread's row lock, never a time or an id.
 */
import { randomUUIDv7 } from "node:crypto";
import { and, eq, gt, lt, type SQL, sql } from "drizzle-orm";
import { lowerRole, type StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, replies, runs, threads } from "../../schema/index.ts";
import { findRunOfPart, mayGoOn, updateWait, waitsUntil } from "./message-parts.ts";
import { getOne, isTopic, oncePerUpdate, type Place, saveChat } from "./places.ts";
import { type IncomingQuote, readQuote, type StoredQuote } from "./quotes.ts";
import { claimNotice, lockStaffMember } from "./staff.ts";

export interface IncomingMessage extends Place {
  /** Telegram's id of the update; null for the terminal. */
  updateId: number | null;
  author: { id: string | null; role: StaffRole };
  language: string;
  text: string;
  /** False for a message in a group that is not said to the bot: it is stored only as the next part of a question. Default: true. */
  isAddressed?: boolean;
  /** Whether the author forwarded a message of someone else. */
  forwarded: boolean;
  /** Whether a picture or a file came with it, which is not stored. */
  hasAttachment?: boolean;
  /** Telegram's id of the album that it belongs to. */
  mediaGroupId?: string | null;
  /** What the author replies to; default: nothing. */
  quote?: IncomingQuote | null;
  /** Null for a message that has none, and cannot be replied to. */
  telegramMessageId: number | null;
  /** When the person wrote it, by Telegram's clock. Default: now. */
  sentAt?: Date;
}

/** A stored message, with the run that answers it. */
export interface QueuedQuestion {
  outcome: "queued";
  threadId: string;
  runId: string;
  messageId: string;
}

/** The result of receiving a person's message. */
export type ReceivedMessage =
  | QueuedQuestion
  /** Over the limit of one person: nothing is queued. `shouldNotify` is true once a minute, so that they read why. */
  | { outcome: "too-many"; shouldNotify: boolean }
  /** The person was removed from the staff at the same moment. */
  | { outcome: "not-staff" }
  /** Not said to the bot, and no part of a question: nothing changed. */
  | { outcome: "not-addressed" }
  /** A repeated delivery of an update: nothing changed. */
  | { outcome: "seen-before" };

/**
 * Questions that one person may ask per minute, over all chats. Nobody types that many. A program in a loop, or a child with
 * the phone, would run up the model's bill and delay everyone else.
 */
export const MAX_QUESTIONS_PER_MINUTE = 20;
const MINUTE_SECONDS = 60;

const MAX_TITLE_CHARACTERS = 80;
/** In UTF-16 units: one character may consist of any number of them, and titles are shown on buttons. */
const MAX_TITLE_LENGTH = 320;

/**
 * Stores a person's message: the update's key, the chat, the thread, the message and a queued run, in one transaction.
 *
 * The update may be confirmed to Telegram only after this returns. The caller notifies the workers (`coalesce.ts`). The
 * run's role is the author's role, in a group at most the group's ceiling.
 */
export async function receiveMessage(db: Db, incoming: IncomingMessage): Promise<ReceivedMessage> {
  const received = await oncePerUpdate(db, incoming, async (tx) => {
    const refusal = await findRefusal(tx, incoming);
    return refusal ?? queueQuestion(tx, { ...incoming, quote: await readQuote(tx, incoming.chat, incoming.quote) });
  });
  return received ?? { outcome: "seen-before" };
}

/**
 * Why the author may not ask now; undefined if they may. The terminal has no author and no limit.
 *
 * Messages are counted by the time they were written: after an outage, all of them arrive at once.
 */
export async function findRefusal(
  tx: Db,
  { author, chat, sentAt }: Pick<IncomingMessage, "author" | "chat" | "sentAt">,
): Promise<ReceivedMessage | undefined> {
  if (author.id === null || chat.type === "terminal") return undefined;
  const member = await lockStaffMember(tx, author.id);
  if (!member) return { outcome: "not-staff" };
  const asked = await tx.$count(messages, and(eq(messages.authorId, author.id), isWithinMinuteOf(instantOf(sentAt))));
  if (asked < MAX_QUESTIONS_PER_MINUTE) return undefined;
  const { telegramUserId } = member;
  const notice = { botId: chat.botId, telegramUserId, notice: "too_many", intervalSeconds: MINUTE_SECONDS } as const;
  return { outcome: "too-many", shouldNotify: await claimNotice(tx, notice) };
}

/** SQL. Both before and after: chats are processed concurrently, so a later message may already be stored. */
function isWithinMinuteOf(time: SQL): SQL | undefined {
  const minute = sql`make_interval(secs => ${MINUTE_SECONDS})`;
  return and(gt(messages.sentAt, sql`${time} - ${minute}`), lt(messages.sentAt, sql`${time} + ${minute}`));
}

function instantOf(time: Date | undefined): SQL {
  return time ? sql`${time.toISOString()}::timestamptz` : sql`now()`;
}

/** What is stored of a message. `retryOf` is the failed run whose question is asked again. */
type Question = Omit<IncomingMessage, "updateId" | "quote"> & { quote: StoredQuote | undefined; retryOf?: string };

/** Stores a message and its run, inside a transaction. */
export async function queueQuestion(
  tx: Db,
  incoming: Question,
): Promise<Extract<ReceivedMessage, { outcome: "queued" | "not-addressed" }>> {
  const { author, text, telegramMessageId, retryOf } = incoming;
  const chat = await saveChat(tx, incoming.chat);
  const thread = await lockOpenThread(tx, chat.id, incoming.topicId);
  const isAlone = chat.type === "private" || chat.type === "terminal";
  const role = isAlone ? author.role : lowerRole(author.role, chat.roleCeiling);
  const place = { threadId: thread.id, position: thread.nextPosition };
  const continued = await continueQuestion(tx, incoming, { ...thread, role });
  if (continued) return continued;
  if (incoming.isAddressed === false) return { outcome: "not-addressed" };

  const [runId, messageId] = [randomUUIDv7(), randomUUIDv7()];
  const asked = { askerId: author.id, askerRole: role, language: incoming.language, retryOf: retryOf ?? null };
  const isPart = retryOf === undefined && mayGoOn(incoming);
  const waits = isPart ? { waitsUntil: waitsUntil(incoming) } : {};
  const run = tx.$with("run").as(tx.insert(runs).values({ ...place, ...asked, ...waits, id: runId }));
  const row = { ...place, ...messageRow(incoming, role), runId, id: messageId };
  const message = tx.$with("message").as(tx.insert(messages).values(row));
  const shown = { runId, chatId: chat.id, replyToMessageId: telegramMessageId };
  const reply = tx.$with("reply").as(tx.insert(replies).values(shown));
  // One statement: under load, the round trips to the server take most of the time.
  await tx
    .with(run, message, ...(chat.type === "terminal" ? [] : [reply]))
    .update(threads)
    .set({
      nextPosition: place.position + 1,
      title: thread.title ?? titleOf(text),
      lastActivityAt: sql`now()`,
      ...(isPart || thread.waitingRunId ? { waitingRunId: isPart ? runId : null } : {}),
    })
    .where(eq(threads.id, thread.id));
  return { outcome: "queued", threadId: thread.id, runId, messageId };
}

function messageRow(incoming: Question, role: StaffRole) {
  const { author, forwarded, hasAttachment = false, mediaGroupId = null, quote, telegramMessageId, text } = incoming;
  const said = { role: "user" as const, text, forwarded, ...quote, hasAttachment, mediaGroupId, telegramMessageId };
  return { ...said, authorId: author.id, visibleTo: role, sentAt: instantOf(incoming.sentAt), completedAt: sql`now()` };
}

/** Stores the next part of a question whose run waits for it. Null when the message is a question of its own. */
async function continueQuestion(
  tx: Db,
  incoming: Question,
  thread: { id: string; nextPosition: number; waitingRunId: string | null; role: StaffRole },
): Promise<QueuedQuestion | null> {
  const { waitingRunId, role } = thread;
  if (waitingRunId === null || incoming.retryOf !== undefined) return null;
  const run = await findRunOfPart(tx, { waitingRunId, authorId: incoming.author.id, role }, incoming);
  if (!run) return null;
  const [messageId, position] = [randomUUIDv7(), thread.nextPosition];
  const row = { ...messageRow(incoming, role), threadId: thread.id, position, runId: run.id, id: messageId };
  await tx.insert(messages).values(row);
  await tx
    .update(threads)
    .set({ nextPosition: position + 1, lastActivityAt: sql`now()` })
    .where(eq(threads.id, thread.id));
  await updateWait(tx, { threadId: thread.id, runId: run.id }, incoming);
  return { outcome: "queued", threadId: thread.id, runId: run.id, messageId };
}

async function lockOpenThread(tx: Db, chatId: string, topicId: number | null) {
  const isOpenHere = and(eq(threads.chatId, chatId), isTopic(topicId), eq(threads.status, "open"));
  const columns = {
    id: threads.id,
    title: threads.title,
    nextPosition: threads.nextPosition,
    waitingRunId: threads.waitingRunId,
  };
  const find = () => tx.select(columns).from(threads).where(isOpenHere).for("update");
  const [found] = await find();
  if (found) return found;
  // Another process may open one at the same moment: the unique index accepts one of the two, and both find it.
  await tx.insert(threads).values({ chatId, topicId }).onConflictDoNothing();
  return getOne(find());
}

/** Whether a picture of an album came with a text in the last minute: then the album has its answer. */
export async function isAlbumAsked(
  db: Db,
  { authorId, mediaGroupId }: { authorId: string; mediaGroupId: string },
): Promise<boolean> {
  const isOfAlbum = and(eq(messages.authorId, authorId), eq(messages.mediaGroupId, mediaGroupId));
  const [asked] = await db
    .select({ id: messages.id })
    .from(messages)
    .where(and(isOfAlbum, gt(messages.sentAt, sql`now() - make_interval(secs => ${MINUTE_SECONDS})`)))
    .limit(1);
  return asked !== undefined;
}

/** A thread's title: the first line of its first question, cut at a grapheme. */
export function titleOf(text: string): string {
  const line = text.trim().split("\n", 1)[0] ?? "";
  const characters: string[] = [];
  let length = 0;
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    length += segment.length;
    if (characters.length === MAX_TITLE_CHARACTERS || length > MAX_TITLE_LENGTH) {
      return `${characters.slice(0, MAX_TITLE_CHARACTERS - 1).join("")}…`;
    }
    characters.push(segment);
  }
  return line;
}
