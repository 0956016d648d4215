/**
 * The staleness of each token, and whether the shown text is complete and without duplicates.
 *
 * Computed from the chat's history after the measurement, so that it costs nothing during it.
 */
import type { Message } from "@grammyjs/types";
import { isDraft } from "./peer-methods.ts";
import { type Question, tokensOf } from "./question.ts";
import { tokenNumbers } from "./tokens.ts";

/** The bot's messages as one text. */
export function visibleText(messages: readonly Pick<Message, "text">[]): string {
  return messages.map(({ text = "" }) => text).join("\n");
}

/** The current messages of the reply to a question, without drafts. */
export function replyMessages({ chat, messageId }: Question): Message[] {
  return chat.botMessages().filter((message) => message.message_id > messageId && !isDraft(message));
}

/** Milliseconds from sending each token to the first accepted write that shows it; null if it was never shown. */
export function stalenessOf(question: Question): (number | null)[] {
  const first = firstNumber(question);
  const shownAt = shownTimes(question, first);
  return question.tokenAt.map((atMs, index) => {
    const shown = shownAt.get(first + index);
    return shown === undefined ? null : shown - atMs;
  });
}

function firstNumber(question: Question): number {
  return tokenNumbers(tokensOf(question.plan)[0] ?? "")[0] ?? 1;
}

function shownTimes({ chat, messageId }: Question, first: number): Map<number, number> {
  const shownAt = new Map<number, number>();
  for (const change of chat.history) {
    if (change.kind !== "message-new" && change.kind !== "message-edit") continue;
    const { message } = change;
    if (!message.from?.is_bot || message.message_id <= messageId) continue;
    for (const number of tokenNumbers(message.text ?? "")) {
      if (number >= first && !shownAt.has(number)) shownAt.set(number, change.atMs);
    }
  }
  return shownAt;
}

/** The number of words that are missing in the finished reply, and that are in it more than once. */
export function findFaults(question: Question): { lost: number; doubled: number; isInOrder: boolean } {
  const expected = tokenNumbers(tokensOf(question.plan).slice(0, question.tokenAt.length).join(""));
  const shown = tokenNumbers(visibleText(replyMessages(question)));
  const distinct = new Set(shown);
  return {
    lost: expected.filter((number) => !distinct.has(number)).length,
    doubled: shown.length - distinct.size,
    isInOrder: shown.every((number, index) => index === 0 || number > (shown[index - 1] ?? 0)),
  };
}

/** The mean over all shown tokens. */
export function meanStaleness(question: Question): number {
  const values = stalenessOf(question).filter((value) => value !== null);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
