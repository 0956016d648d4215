/** How a reply reacts to Telegram's answer to a write: continue, wait, send again in another way, or give up. */
import { backoffMs } from "../../process/retry.ts";
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import { pause, type ReplyState } from "./reply-state.ts";

const BACKOFF = { firstMs: 500, longestMs: 30_000 };
/** How often a process that may not call Telegram checks whether it may again, in milliseconds. */
const HELD_CHECK_MS = 100;

/** Does what an answer requires. @returns whether the reply has ended. */
export async function handleAnswer(reply: ReplyState, answer: TelegramAnswer): Promise<boolean> {
  const { budget, chat, clock, logger } = reply;
  switch (answer.kind) {
    case "done":
    case "message-gone":
      reply.failures = 0;
      reply.lastShownAt = clock.now();
      return false;
    case "wait":
      budget.freeze(chat, answer.seconds);
      logger.warn({ retryAfterSeconds: answer.seconds }, "Telegram asks to wait");
      return false;
    case "migrated":
      await migrate(reply, answer.telegramId);
      return false;
    case "unknown":
      await backOff(reply, answer.description);
      return false;
    case "reply-gone":
      logger.info({ description: answer.description }, "the question is gone: sending the reply without quoting it");
      return false;
    case "held":
      await pause(reply, HELD_CHECK_MS);
      return false;
    case "refused":
      if (reply.text.isPlain()) return giveUp(reply, answer.description);
      logger.error({ description: answer.description }, "Telegram refused a page: sending it without formatting");
      reply.text.dropFormatting();
      return false;
    case "chat-gone":
      return giveUp(reply, answer.description);
  }
}

async function migrate({ chat, sentPages, transport }: ReplyState, telegramId: number): Promise<void> {
  await transport.migrate(telegramId);
  chat.telegramId = telegramId;
  // Messages of the old group can no longer be edited: the reply is sent again.
  sentPages.clear();
}

/** Ends the reply as undeliverable; always true. */
export async function giveUp({ logger, store }: ReplyState, description: string): Promise<true> {
  logger.warn({ description }, "reply cannot be delivered");
  await store.markUndeliverable(description);
  return true;
}

async function backOff(reply: ReplyState, description: string): Promise<void> {
  // The reply was abandoned: nothing is tried again.
  reply.stop.signal.throwIfAborted();
  reply.failures += 1;
  const { failures, logger } = reply;
  logger.warn({ description, failures }, "Telegram did not answer: trying again");
  await pause(reply, backoffMs(failures, BACKOFF));
}
