/** Asks the question of a failed run again: by a button, at most once for each run. */
import { and, asc, eq } from "drizzle-orm";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, runs, threads } from "../../schema/index.ts";
import { findRefusal, queueQuestion, type ReceivedMessage } from "../chat/conversations.ts";
import { joinParts } from "../chat/message-parts.ts";
import { type ChatAddress, findChat, oncePerUpdate } from "../chat/places.ts";

export interface Retry {
  chat: Exclude<ChatAddress, { type: "terminal" }>;
  updateId: number;
  /** The failed run. */
  runId: string;
  /** The person who pressed the button: the new run is theirs, with their rights. */
  author: { id: string; role: StaffRole };
  language: string;
}

/** `nothing`: the chat has no failed run with this id. `asked-again`: somebody pressed the button before. */
export type RetriedQuestion = ReceivedMessage | { outcome: "nothing" } | { outcome: "asked-again" };

/** Stores the question of a failed run again, in the open thread of its topic, as a message of the person who pressed the button. */
export async function retryQuestion(db: Db, retry: Retry): Promise<RetriedQuestion> {
  const retried = await oncePerUpdate(db, retry, async (tx): Promise<RetriedQuestion> => {
    const question = await lockFailedQuestion(tx, retry);
    if (!question) return { outcome: "nothing" };
    const [again] = await tx.select({ id: runs.id }).from(runs).where(eq(runs.retryOf, retry.runId));
    if (again) return { outcome: "asked-again" };
    const { runId: retryOf, ...asked } = { ...retry, ...question };
    return (await findRefusal(tx, asked)) ?? queueQuestion(tx, { ...asked, retryOf });
  });
  return retried ?? { outcome: "seen-before" };
}

/** Locks the run, so that of two people who press at the same time only one asks. */
async function lockFailedQuestion(tx: Db, { chat: address, runId }: Retry) {
  const chat = await findChat(tx, address);
  if (!chat) return undefined;
  const parts = await tx
    .select({
      // Of its thread: Telegram does not name the topic of a message that is too old for it.
      topicId: threads.topicId,
      text: messages.text,
      forwarded: messages.forwarded,
      hasAttachment: messages.hasAttachment,
      quote: {
        quoteText: messages.quoteText,
        quoteContext: messages.quoteContext,
        quoteMessageId: messages.quoteMessageId,
        quoteVisibleTo: messages.quoteVisibleTo,
      },
      telegramMessageId: messages.telegramMessageId,
    })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(messages, and(eq(messages.runId, runs.id), eq(messages.role, "user")))
    .where(and(eq(runs.id, runId), eq(runs.status, "failed"), eq(threads.chatId, chat.id)))
    .orderBy(asc(messages.position))
    .for("update", { of: runs });
  const [first] = parts;
  const hasAttachment = parts.some((part) => part.hasAttachment);
  return first && { ...first, hasAttachment, text: joinParts(parts.map(({ text }) => text)) };
}
