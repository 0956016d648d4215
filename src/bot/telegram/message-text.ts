/** What a person wrote with a message, whatever its kind: its text, the caption of a picture, or a rich message as plain text. */
import type { Message, MessageEntity } from "grammy/types";
import { flattenRichMessage, userIdIn } from "./rich-text.ts";

export interface MessageText {
  /** Exactly as it was written; empty for none. */
  text: string;
  /** Their offsets are in `text`. */
  entities: readonly MessageEntity[];
  /** Ids that a rich message mentions, which has no entities; null for other messages. */
  mentionedIds: readonly number[] | null;
  /** A picture, a file or something else that is not text came with it. */
  hasAttachment: boolean;
}

/** Null for a message without text and without anything that a person can attach one to. */
export function readMessageText(message: Message | undefined): MessageText | null {
  if (!message) return null;
  if (typeof message.text === "string") {
    return { text: message.text, entities: message.entities ?? [], mentionedIds: null, hasAttachment: false };
  }
  if (message.rich_message) {
    const { text, mentionedIds } = flattenRichMessage(message.rich_message);
    return { text, entities: [], mentionedIds, hasAttachment: false };
  }
  if (typeof message.caption !== "string") return null;
  return { text: message.caption, entities: message.caption_entities ?? [], mentionedIds: null, hasAttachment: true };
}

/** Whether the text mentions the bot, by its username or by a link to its id. */
export function mentions(
  { text, entities, mentionedIds }: MessageText,
  bot: { id: number; username: string },
): boolean {
  const name = `@${bot.username}`.toLowerCase();
  if (mentionedIds) {
    return mentionedIds.includes(bot.id) || new RegExp(`(?<!\\w)${RegExp.escape(name)}(?!\\w)`, "i").test(text);
  }
  return entities.some((entity) => {
    if (entity.type === "text_mention") return entity.user.id === bot.id;
    if (entity.type === "text_link") return userIdIn(entity.url) === bot.id;
    return entity.type === "mention" && text.slice(entity.offset, entity.offset + entity.length).toLowerCase() === name;
  });
}
