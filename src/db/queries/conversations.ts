/**
 * Taking a message in: the one transaction between Telegram's update and a run in the queue.
 *
 * Order in a thread is the position given under the thread's row lock, never a time or an id.
 */
import { and, eq, sql } from "drizzle-orm";
import { lowerRole, type StaffRole } from "../../roles.ts";
import type { Db } from "../client.ts";
import { publish } from "../notify.ts";
import { messages, replies, runs, threads } from "../schema/index.ts";
import { getOne, isTopic, oncePerUpdate, type Place, saveChat } from "./places.ts";

export interface IncomingMessage extends Place {
  /** Telegram's number of the update; null for the terminal. */
  updateId: number | null;
  author: { id: string | null; role: StaffRole };
  language: string;
  text: string;
  /** Written by somebody else, and passed on by the author. */
  forwarded: boolean;
  telegramMessageId: number | null;
}

/** A message that was taken in, or undefined for an update that was seen before: it changed nothing. */
export type ReceivedMessage = { threadId: string; runId: string; messageId: string } | undefined;

const MAX_TITLE_CHARACTERS = 80;
/** In UTF-16 units: one character may be made of any number of them, and titles stand on buttons. */
const MAX_TITLE_LENGTH = 320;

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

    const run = await getOne(
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
    const message = await getOne(
      tx
        .insert(messages)
        .values({
          threadId: thread.id,
          position,
          role: "user",
          text: incoming.text,
          forwarded: incoming.forwarded,
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
