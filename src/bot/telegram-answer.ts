/**
 * What Telegram said to a call, sorted by what is to be done about it. Pure.
 *
 * Source: the Bot API's `error_code`, `description` and `parameters`; the descriptions are matched where the code alone
 * says too little.
 */
import { GrammyError, HttpError } from "grammy";

export type TelegramAnswer =
  | { kind: "done" }
  /** 429: nothing may be sent to the chat before that many seconds have passed. */
  | { kind: "wait"; seconds: number }
  /** The group has become a supergroup with this id; its old messages cannot be edited any more. */
  | { kind: "migrated"; telegramId: number }
  /** The message is gone or cannot be changed: nothing is to be done about it. */
  | { kind: "message-gone" }
  /** The person blocked the bot, or the chat is gone: no call to it will ever succeed. */
  | { kind: "chat-gone"; description: string }
  /** Telegram will never accept this call as it is: a fault of ours. */
  | { kind: "refused"; description: string }
  /** No answer, or one of 5xx: it may have been done or not. */
  | { kind: "unknown"; description: string };

/** Sorts what a failed call threw. @throws what is no answer of Telegram at all. */
export function sortFailure(error: unknown): TelegramAnswer {
  if (error instanceof HttpError) return { kind: "unknown", description: error.message };
  if (!(error instanceof GrammyError)) throw error;
  const { error_code: code, description, parameters } = error;
  if (code === 429) return { kind: "wait", seconds: parameters.retry_after ?? 1 };
  if (parameters.migrate_to_chat_id) return { kind: "migrated", telegramId: parameters.migrate_to_chat_id };
  if (code >= 500) return { kind: "unknown", description };
  if (/message is not modified/i.test(description)) return { kind: "done" };
  if (
    /message to (edit|delete|be replied) not found|message can't be (edited|deleted)|MESSAGE_ID_INVALID/i.test(
      description,
    )
  ) {
    return { kind: "message-gone" };
  }
  if (
    code === 403 ||
    /chat not found|user is deactivated|group chat was deleted|have no rights|need administrator/i.test(description)
  ) {
    return { kind: "chat-gone", description };
  }
  return { kind: "refused", description };
}
