/**
 * What people change of what they have said: the question itself while nobody has begun to answer it, else a revision that
 * is only kept. An edit never makes anything run again.
 */
import { and, desc, eq } from "drizzle-orm";
import { FIRST_STATUS } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { messageRevisions, messages, runs, threads } from "../../schema/index.ts";
import { titleOf } from "./conversations.ts";
import { type ChatAddress, findChat, oncePerUpdate } from "./places.ts";

export interface Edit {
  /** Telegram's number of the update; a second delivery changes nothing. */
  updateId: number;
  /** Nobody changes what another has said. */
  authorId: string;
  telegramMessageId: number;
  text: string;
}

export interface Revised {
  messageId: string;
  /** Whether the question was changed before anybody read it, or the change came too late for its answer. */
  outcome: "replaced" | "kept";
}

/**
 * Takes an edit in. @returns undefined where nothing was changed: a message that is not known here, the same text again,
 * or an update that was seen before.
 */
export function reviseMessage(db: Db, chat: ChatAddress, edit: Edit): Promise<Revised | undefined> {
  return oncePerUpdate(db, { chat, updateId: edit.updateId }, async (tx) => {
    const message = await findMessage(tx, chat, edit);
    if (!message || (await newestText(tx, message)) === edit.text) return undefined;
    const { id: messageId, runId, threadId } = message;
    // The thread's lock before the run's, as everywhere. With the run's, no worker begins it until this has committed.
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
    // A worker that looked meanwhile passed the locked run over.
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

/** The newest: a question that is asked again by the Retry button has the number of the first one. */
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

/** What the message says now to those who see it in Telegram. */
async function newestText(tx: Db, { id, text }: KnownMessage): Promise<string> {
  const [revision] = await tx
    .select({ text: messageRevisions.text })
    .from(messageRevisions)
    .where(eq(messageRevisions.messageId, id))
    .orderBy(desc(messageRevisions.createdAt), desc(messageRevisions.id))
    .limit(1);
  return revision?.text ?? text;
}

/** @returns whether the run still waits; if so, it goes on waiting until the transaction ends. */
async function lockQueuedRun(tx: Db, runId: string): Promise<boolean> {
  const [run] = await tx.select({ status: runs.status }).from(runs).where(eq(runs.id, runId)).for("update");
  return run?.status === FIRST_STATUS;
}
