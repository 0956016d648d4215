/** Checks intake: every question is stored exactly once, and each thread has its messages in Telegram's order, without gaps. */
import { type IndexedRecording, placeKey, type Violation } from "../indexed-recording.ts";
import type { Rows } from "../recording.ts";

export function checkIntake({ recording }: IndexedRecording): Violation[] {
  return [
    ...checkMessages(recording),
    ...checkRuns(recording.rows),
    ...checkThreads(recording.rows.messages),
    ...checkConfirmed(recording),
  ];
}

function* checkMessages({ questions, rows }: IndexedRecording["recording"]): Generator<Violation> {
  const stored = Map.groupBy(
    rows.messages.filter(({ role }) => role === "user"),
    ({ chatId, messageId }) => placeKey(chatId, messageId),
  );
  for (const { id, chatId, messageId, text } of questions) {
    const found = stored.get(placeKey(chatId, messageId)) ?? [];
    const subject = `q${id}`;
    if (found.length === 0) yield { check: "message-lost", subject, detail: "no message in the database" };
    if (found.length > 1)
      yield { check: "message-duplicated", subject, detail: `${found.length} messages in the database` };
    for (const message of found) {
      if (message.text !== text) yield { check: "message-changed", subject, detail: message.text };
      if (message.runId === null) yield { check: "message-without-run", subject, detail: message.id };
    }
  }
}

function* checkRuns({ messages }: Rows): Generator<Violation> {
  const users = messages.filter(({ role }) => role === "user");
  for (const [runId, { length }] of Map.groupBy(users, (message) => message.runId)) {
    if (length > 1) yield { check: "run-for-several-messages", subject: String(runId), detail: `${length} messages` };
  }
}

function* checkThreads(messages: Rows["messages"]): Generator<Violation> {
  for (const [threadId, thread] of Map.groupBy(messages, (message) => message.threadId)) {
    const positions = thread.map(({ position }) => position).sort((one, other) => one - other);
    const gap = positions.findIndex((position, index) => position !== index + 1);
    if (gap >= 0) yield { check: "position-gap", subject: threadId, detail: `at ${gap + 1}: ${positions.join(",")}` };
    const messageIds = thread
      .filter(({ role }) => role === "user")
      .sort((one, other) => one.position - other.position)
      .map(({ messageId }) => messageId ?? 0);
    const wrong = messageIds.findIndex((messageId, index) => index > 0 && messageId <= (messageIds[index - 1] ?? 0));
    if (wrong >= 0) {
      const detail = `Telegram's message ${messageIds[wrong]} comes after ${messageIds[wrong - 1]}`;
      yield { check: "thread-order", subject: threadId, detail };
    }
  }
}

function* checkConfirmed({ pendingUpdates }: IndexedRecording["recording"]): Generator<Violation> {
  if (pendingUpdates > 0) {
    yield { check: "update-unconfirmed", subject: "updates", detail: `${pendingUpdates} were never confirmed` };
  }
}
