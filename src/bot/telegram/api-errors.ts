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
  /** The person blocked the bot, the chat is gone, or the bot may not write there: no call to it will succeed. */
  | { kind: "chat-gone"; description: string }
  /** Telegram will never accept this call as it is: a fault of ours. */
  | { kind: "refused"; description: string }
  /** No answer to the call itself. It may have been done, unless Telegram was not even reached or did not know the token. */
  | { kind: "unknown"; description: string; mayBeDone: boolean }
  /** The call was not made: this process may not be believed until it has heard from the database again. */
  | { kind: "held" };

/** Thrown in place of a call of a process that must not act now. */
export class HeldCallError extends Error {
  constructor() {
    super("no call is made: this process was frozen, or has lost the database");
  }
}

/** What says that no connection came about. */
const NEVER_REACHED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** The token is not known: says nothing of the call, which succeeds under the right one. What takes updates in ends the process. */
const TOKEN_REFUSED = new Set([401, 404]);

const MESSAGE_GONE = /message to (edit|delete) not found|message can't be (edited|deleted)|MESSAGE_ID_INVALID/i;
/** The chat or its topic is closed to us; what is not 403 for it is one of these. */
const CHAT_GONE =
  /chat not found|user is deactivated|group chat was deleted|no rights|not enough rights|need administrator|CHAT_(WRITE|SEND_PLAIN)_FORBIDDEN|CHAT_RESTRICTED|PEER_ID_INVALID|message thread not found|TOPIC_(CLOSED|DELETED)/i;

/** Sorts what a failed call threw, also when grammY could make nothing of the answer. */
export function sortFailure(error: unknown): TelegramAnswer {
  if (error instanceof HeldCallError) return { kind: "held" };
  if (error instanceof HttpError) {
    return { kind: "unknown", description: error.message, mayBeDone: !NEVER_REACHED.has(codeOf(error.error)) };
  }
  if (!(error instanceof GrammyError)) {
    return { kind: "unknown", description: `no answer of Telegram's: ${error}`, mayBeDone: true };
  }
  const { error_code: code, description, parameters } = error;
  // JSON of somebody between us and Telegram has no code, whatever the type says.
  if (typeof code !== "number") {
    return { kind: "unknown", description: "an answer that is none of Telegram's", mayBeDone: true };
  }
  if (code === 429) return { kind: "wait", seconds: parameters.retry_after ?? 1 };
  if (parameters.migrate_to_chat_id) return { kind: "migrated", telegramId: parameters.migrate_to_chat_id };
  if (code >= 500) return { kind: "unknown", description, mayBeDone: true };
  if (TOKEN_REFUSED.has(code)) return { kind: "unknown", description, mayBeDone: false };
  if (/message is not modified/i.test(description)) return { kind: "done" };
  if (MESSAGE_GONE.test(description)) return { kind: "message-gone" };
  if (code === 403 || CHAT_GONE.test(description)) return { kind: "chat-gone", description };
  return { kind: "refused", description };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
