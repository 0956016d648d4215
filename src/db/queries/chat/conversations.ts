/**
 * Taking a message in: the one transaction between Telegram's update and a run in the queue.
 *
 * Order in a thread is the position given under the thread's row lock, never a time or an id.
 */
import { randomUUIDv7 } from "node:crypto";
import { and, eq, gt, lt, type SQL, sql } from "drizzle-orm";
import { lowerRole, type StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, replies, runs, threads } from "../../schema/index.ts";
import { getOne, isTopic, oncePerUpdate, type Place, saveChat } from "./places.ts";
import { lockStaffMember, noteTold } from "./staff.ts";

export interface IncomingMessage extends Place {
  /** Telegram's number of the update; null for the terminal. */
  updateId: number | null;
  author: { id: string | null; role: StaffRole };
  language: string;
  text: string;
  /** Written by somebody else, and passed on by the author. */
  forwarded: boolean;
  telegramMessageId: number | null;
  /** When the person wrote it, by Telegram's clock; now when left out. */
  sentAt?: Date;
}

/** A message that was taken in, with the run that answers it. */
export interface QueuedQuestion {
  outcome: "queued";
  threadId: string;
  runId: string;
  messageId: string;
}

/** What became of a person's message. */
export type ReceivedMessage =
  | QueuedQuestion
  /** More than one person may ask in a minute: nothing is queued. `tell` says whether they are to hear so, once a minute. */
  | { outcome: "too-many"; tell: boolean }
  /** The person was removed from the staff at this very moment. */
  | { outcome: "not-staff" }
  /** The update was seen before: it changed nothing. */
  | { outcome: "seen-before" };

/**
 * Questions that one person writes within a minute, over all chats. Nobody types that many; a loop of some other program, or a
 * child with the phone, would run up the model's bill and hold up everybody else.
 */
export const MAX_QUESTIONS_PER_MINUTE = 20;
const MINUTE_SECONDS = 60;

const MAX_TITLE_CHARACTERS = 80;
/** In UTF-16 units: one character may be made of any number of them, and titles stand on buttons. */
const MAX_TITLE_LENGTH = 320;

/**
 * Takes a person's message in: the update's key, the chat, the thread, the message and a queued run, in one transaction.
 *
 * Only when this has returned may the update be confirmed to Telegram. The workers are told by whoever called it
 * (`notice-bell.ts`). The run's role is the author's, in a group at most the group's ceiling.
 */
export async function receiveMessage(db: Db, incoming: IncomingMessage): Promise<ReceivedMessage> {
  const received = await oncePerUpdate(db, incoming, async (tx) => {
    return (await refusalOf(tx, incoming)) ?? queueQuestion(tx, incoming);
  });
  return received ?? { outcome: "seen-before" };
}

/**
 * Why the author may not ask now, if there is a reason. The terminal's has no name and no limit.
 *
 * What counts is when things were written: after an outage all that somebody asked meanwhile comes at once.
 */
export async function refusalOf(
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
  return { outcome: "too-many", tell: await noteTold(tx, notice) };
}

/** SQL. Before and after: chats are taken in side by side, so what was written later may be stored already. */
function isWithinMinuteOf(time: SQL): SQL | undefined {
  const minute = sql`make_interval(secs => ${MINUTE_SECONDS})`;
  return and(gt(messages.sentAt, sql`${time} - ${minute}`), lt(messages.sentAt, sql`${time} + ${minute}`));
}

function instantOf(time: Date | undefined): SQL {
  return time ? sql`${time.toISOString()}::timestamptz` : sql`now()`;
}

/** Stores a message and its run within a transaction. `retryOf`: the failed run whose question it asks again. */
export async function queueQuestion(
  tx: Db,
  incoming: Omit<IncomingMessage, "updateId"> & { retryOf?: string },
): Promise<QueuedQuestion> {
  const { author, text, telegramMessageId, retryOf } = incoming;
  const chat = await saveChat(tx, incoming.chat);
  const thread = await lockOpenThread(tx, chat.id, incoming.topicId);
  const isAlone = chat.type === "private" || chat.type === "terminal";
  const role = isAlone ? author.role : lowerRole(author.role, chat.roleCeiling);
  const place = { threadId: thread.id, position: thread.nextPosition };

  const [runId, messageId] = [randomUUIDv7(), randomUUIDv7()];
  const asked = { askerId: author.id, askerRole: role, language: incoming.language, retryOf: retryOf ?? null };
  const said = { role: "user" as const, text, forwarded: incoming.forwarded, authorId: author.id, visibleTo: role };
  const sent = { runId, telegramMessageId, sentAt: instantOf(incoming.sentAt), completedAt: sql`now()` };
  const run = tx.$with("run").as(tx.insert(runs).values({ ...place, ...asked, id: runId }));
  const message = tx.$with("message").as(tx.insert(messages).values({ ...place, ...said, ...sent, id: messageId }));
  const shown = { runId, chatId: chat.id, replyToMessageId: telegramMessageId };
  const reply = tx.$with("reply").as(tx.insert(replies).values(shown));
  // One statement: in a rush it is the ways to the server and back that take the time.
  await tx
    .with(run, message, ...(chat.type === "terminal" ? [] : [reply]))
    .update(threads)
    .set({ nextPosition: place.position + 1, title: thread.title ?? titleOf(text), lastActivityAt: sql`now()` })
    .where(eq(threads.id, thread.id));
  return { outcome: "queued", threadId: thread.id, runId, messageId };
}

async function lockOpenThread(tx: Db, chatId: string, topicId: number | null) {
  const isOpenHere = and(eq(threads.chatId, chatId), isTopic(topicId), eq(threads.status, "open"));
  const columns = { id: threads.id, title: threads.title, nextPosition: threads.nextPosition };
  const find = () => tx.select(columns).from(threads).where(isOpenHere).for("update");
  const [found] = await find();
  if (found) return found;
  // Another process may open it at the same moment: the unique index lets one of the two in, and both find that one.
  await tx.insert(threads).values({ chatId, topicId }).onConflictDoNothing();
  return getOne(find());
}

/** A thread's title: the first line of its first question, cut at a whole character as people see it. */
export function titleOf(text: string): string {
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
