/** What a person wrote with a message, whatever its kind: its text, the caption of a picture, or a rich message as plain text. */
import type { Message, MessageEntity } from "grammy/types";
import { flattenRichMessage } from "./rich-text.ts";

export interface MessageText {
  /** Exactly as it was written; empty for none. */
  text: string;
  /** The usernames that it mentions, such as `@name`, and the addresses behind its linked words. */
  mentions: readonly string[];
  /** A picture, a file or something else that is not text came with it. */
  hasAttachment: boolean;
}

/** Null for a message without text and without anything that a person can attach one to. */
export function readMessageText(message: Message | undefined): MessageText | null {
  if (!message) return null;
  if (typeof message.text === "string") {
    return { text: message.text, mentions: mentionsIn(message.text, message.entities), hasAttachment: false };
  }
  if (message.rich_message) {
    const { text, links, hasAttachment, hasWords } = flattenRichMessage(message.rich_message);
    return { text: hasWords ? text : "", mentions: [...links, ...(text.match(/(?<!\w)@\w+/g) ?? [])], hasAttachment };
  }
  if (typeof message.caption !== "string") return null;
  return {
    text: message.caption,
    mentions: mentionsIn(message.caption, message.caption_entities),
    hasAttachment: true,
  };
}

function mentionsIn(text: string, entities: readonly MessageEntity[] = []): string[] {
  return entities.flatMap((entity) => {
    if (entity.type === "text_mention") return `tg://user?id=${entity.user.id}`;
    if (entity.type === "text_link") return entity.url;
    return entity.type === "mention" ? text.slice(entity.offset, entity.offset + entity.length) : [];
  });
}

/**
 * Whether the text mentions the bot, by its username or by a link to it: `tg://user?id=42`, `tg://resolve?domain=name` or
 * `https://t.me/name`. A link with anything more, such as an invite, is meant for people.
 */
export function mentionsBot({ mentions }: MessageText, bot: { id: number; username: string }): boolean {
  const name = RegExp.escape(bot.username);
  const isBot = new RegExp(
    `^(?:@${name}|tg:(?://)?(?:user\\?id=${bot.id}|resolve\\?domain=${name})|(?:https?://)?(?:(?:www\\.)?(?:t|telegram)\\.me/${name}|${name}\\.t\\.me)/?)$`,
    "i",
  );
  return mentions.some((mention) => isBot.test(mention));
}
