/** What a person replies to, as the update says it. */
import type { ExternalReplyInfo, Message } from "grammy/types";
import type { IncomingQuote } from "../db/queries/chat/quotes.ts";
import { readMessageText } from "./telegram/message-text.ts";

/**
 * The message that a message replies to, in its chat or in another one; null for none, and for one that Telegram no longer
 * shows.
 */
export function quoteOf(message: Message, botId: number): IncomingQuote | null {
  const { chat, external_reply: external, reply_to_message: replied } = message;
  const selected = message.quote?.text || null;
  if (external && !(replied && isQuotable(message, replied))) return { ...externalOf(external, botId), selected };
  if (!replied || !isQuotable(message, replied)) return null;
  return {
    message: addressOf(replied.message_id, chat.id),
    isFromBot: replied.from?.id === botId,
    selected,
    text: textOf(replied),
  };
}

/** Telegram sends no text of a message in another chat or topic, only what the person selected. */
function externalOf({ chat, message_id: id, origin }: ExternalReplyInfo, botId: number) {
  return {
    message: addressOf(id, chat?.id),
    isFromBot: origin.type === "user" && origin.sender_user.id === botId,
    text: null,
  };
}

/** A message in a topic that replies to nothing "replies" to the head of its topic. One that was deleted has the date 0. */
function isQuotable({ is_topic_message: isInTopic, message_thread_id: topicId }: Message, replied: Message): boolean {
  const isTopicHead = replied.forum_topic_created !== undefined || (isInTopic && replied.message_id === topicId);
  return !isTopicHead && replied.message_id !== 0 && replied.date !== 0;
}

/** The text that people read in a message; null for none. */
function textOf(message: Message): string | null {
  return readMessageText(message)?.text || null;
}

/** Null for an invalid id, which no message of ours has. */
function addressOf(id: number | undefined, chatTelegramId: number | undefined): IncomingQuote["message"] {
  if (!id || !Number.isSafeInteger(id) || chatTelegramId === undefined) return null;
  return { telegramId: id, chatTelegramId };
}
