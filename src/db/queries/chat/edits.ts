/**
 * Edited messages. An edit replaces the question while its run is queued; later it is only stored as a revision. An edit
 * never starts a run.
 */
import { and, desc, eq } from "drizzle-orm";
import { RUN_STATES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { messageRevisions, messages, runs, threads } from "../../schema/index.ts";
import { titleOf } from "./conversations.ts";
import { type ChatAddress, findChat, oncePerUpdate } from "./places.ts";

export interface Edit {
  /** Telegram's id of the update; a repeated delivery changes nothing. */
  updateId: number;
  /** Only the author can edit a message. */
  authorId: string;
  telegramMessageId: number;
  text: string;
}

export interface Revised {
  messageId: string;
  /** `replaced`: the question changed before a worker read it. `kept`: the edit came too late and is a revision. */
  outcome: "replaced" | "kept";
}

/**
 * Stores an edit. @returns undefined if nothing changed: an unknown message, the same text, or a repeated delivery of the
 * update.
 */
export function reviseMessage(db: Db, chat: ChatAddress, edit: Edit): Promise<Revised | undefined> {
  return oncePerUpdate(db, { chat, updateId: edit.updateId }, async (tx) => {
    const message = await findMessage(tx, chat, edit);
    if (!message || (await newestText(tx, message)) === edit.text) return undefined;
    const { id: messageId, runId, threadId } = message;
    // The thread is locked before the run, as everywhere. While the run is locked, no worker can claim it.
    const [thread] = await tx
      .select({ title: threads.title })
      .from(threads)
      .where(eq(threads.id, threadId))
      .for("update");
    if (!thread || !(await lockQueuedRun(tx, runId))) {
      await tx.insert(messageRevisions).values({ messageId, text: edit.text });
      return { messageId, outcome: "kept" };
    }
    await tx.update(messages).set({ text: edit.text }).where(eq(messages.id, messageId));
    if (message.position === 1 && thread.title === titleOf(message.text)) {
      await tx
        .update(threads)
        .set({ title: titleOf(edit.text) })
        .where(eq(threads.id, threadId));
    }
    // A worker that searched in the meantime skipped the locked run.
    await publish(tx, { type: "run-queued", runId });
    return { messageId, outcome: "replaced" };
  });
}

interface KnownMessage {
  id: string;
  threadId: string;
  runId: string;
  position: number;
  text: string;
}

/** The newest one: a question that was asked again with the retry button has the same Telegram message id. */
async function findMessage(tx: Db, address: ChatAddress, edit: Edit): Promise<KnownMessage | undefined> {
  const chat = await findChat(tx, address);
  if (!chat) return undefined;
  const { id, threadId, runId, position, text } = messages;
  const [found] = await tx
    .select({ id, threadId, runId, position, text })
    .from(messages)
    .innerJoin(threads, eq(threads.id, messages.threadId))
    .where(
      and(
        eq(threads.chatId, chat.id),
        eq(messages.telegramMessageId, edit.telegramMessageId),
        eq(messages.authorId, edit.authorId),
        eq(messages.role, "user"),
      ),
    )
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(1);
  return found?.runId ? { ...found, runId: found.runId } : undefined;
}

/** The text that the message now has in Telegram. */
async function newestText(tx: Db, { id, text }: KnownMessage): Promise<string> {
  const [revision] = await tx
    .select({ text: messageRevisions.text })
    .from(messageRevisions)
    .where(eq(messageRevisions.messageId, id))
    .orderBy(desc(messageRevisions.createdAt), desc(messageRevisions.id))
    .limit(1);
  return revision?.text ?? text;
}

/** @returns whether the run is queued; if so, it stays queued until the transaction ends. */
async function lockQueuedRun(tx: Db, runId: string): Promise<boolean> {
  const [run] = await tx.select({ status: runs.status }).from(runs).where(eq(runs.id, runId)).for("update");
  return run !== undefined && RUN_STATES[run.status].phase === "queued";
}
