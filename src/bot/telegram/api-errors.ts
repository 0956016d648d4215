/**
 * The result of a call to Telegram, classified by how to react to it. Pure.
 *
 * Source: the Bot API's `error_code`, `description` and `parameters`. Descriptions are matched where the code is ambiguous.
 */
import { GrammyError, HttpError } from "grammy";
import { reasonOf } from "./call-failure.ts";
import { NEVER_CONNECTED } from "./never-connected.ts";

export type TelegramAnswer =
  | { kind: "done" }
  /** 429: nothing may be sent to the chat for this many seconds. */
  | { kind: "wait"; seconds: number }
  /** The group became a supergroup with this id. Its old messages can no longer be edited. */
  | { kind: "migrated"; telegramId: number }
  /** The message was deleted or cannot be changed: there is nothing to do. */
  | { kind: "message-gone" }
  /** The message to reply to is gone. The same message without this reference may be sent. */
  | { kind: "reply-gone"; description: string }
  /** The person blocked the bot, the chat is gone, or the bot may not write there: no such call to this chat or topic will succeed. */
  | { kind: "chat-gone"; description: string }
  /** Telegram will never accept this call as it is: a fault in our code. */
  | { kind: "refused"; description: string }
  /** The result is unknown. The call may have been done, unless Telegram was not reached or did not know the token. */
  | { kind: "unknown"; description: string; mayBeDone: boolean }
  /** The call was not made: this process must first renew its lease in the database. */
  | { kind: "held" };

/** Thrown instead of a call when this process may not call Telegram now. */
export class HeldCallError extends Error {
  constructor() {
    super("no call to Telegram: this process was suspended, or has lost the database");
  }
}

/** Error codes without a connection. */
const NEVER_REACHED = new Set([
  NEVER_CONNECTED,
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** The token is unknown. The call may succeed with the right one. Polling and the webhook end the process for it. */
const TOKEN_REFUSED = new Set([401, 404]);

const MESSAGE_GONE = /message to (edit|delete) not found|message can't be (edited|deleted)|MESSAGE_ID_INVALID/i;
const REPLY_GONE = /(reply|replied)( message)? not found|REPLY_(TO|MESSAGE)_\w*INVALID/i;
/** In a group or a private chat. Its other topics, and the chat itself, are still there. */
const TOPIC_GONE = /message thread|TOPIC_(CLOSED|DELETED|ID_INVALID)/i;
/** The chat is closed to the bot, with another code than 403. */
const CHAT_GONE =
  /chat not found|user is deactivated|group chat was deleted|no rights|not enough rights|need administrator|CHAT_(WRITE|SEND_PLAIN)_FORBIDDEN|CHAT_RESTRICTED|PEER_ID_INVALID/i;

/** Classifies the error of a failed call, also if grammY could not read the response. */
export function classifyFailure(error: unknown): TelegramAnswer {
  if (error instanceof HeldCallError) return { kind: "held" };
  if (error instanceof HttpError) {
    return { kind: "unknown", description: reasonOf(error), mayBeDone: !NEVER_REACHED.has(codeOf(error.error)) };
  }
  if (!(error instanceof GrammyError)) {
    return { kind: "unknown", description: `no response from Telegram: ${error}`, mayBeDone: true };
  }
  const { error_code: code, description, parameters } = error;
  // JSON from a proxy has no error code, although the type says so.
  if (typeof code !== "number") {
    return { kind: "unknown", description: "not a Bot API response", mayBeDone: true };
  }
  if (code === 429) return { kind: "wait", seconds: parameters.retry_after ?? 1 };
  if (parameters.migrate_to_chat_id) return { kind: "migrated", telegramId: parameters.migrate_to_chat_id };
  if (code >= 500) return { kind: "unknown", description, mayBeDone: true };
  if (TOKEN_REFUSED.has(code)) return { kind: "unknown", description, mayBeDone: false };
  if (/message is not modified/i.test(description)) return { kind: "done" };
  // Before the next one, which is a part of "REPLY_MESSAGE_ID_INVALID".
  if (REPLY_GONE.test(description)) return { kind: "reply-gone", description };
  if (MESSAGE_GONE.test(description)) return { kind: "message-gone" };
  if (code === 403 || CHAT_GONE.test(description) || TOPIC_GONE.test(description))
    return { kind: "chat-gone", description };
  return { kind: "refused", description };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
