/** What a handler knows of an update: who asks, where, in which language. */
import type { Context } from "grammy";
import type { Place } from "../db/queries/conversations.ts";
import type { StaffMember } from "../db/queries/staff.ts";
import { type Language, pickLanguage, type Texts, textsIn } from "./texts.ts";

export interface BotContext extends Context {
  /** Set by `access`: handlers behind it only ever see staff. */
  staffMember: StaffMember;
}

/** The language of the person who sent the update. */
export function languageOf(ctx: Context): Language {
  return pickLanguage(ctx.from?.language_code);
}

/** The bot's own sentences for the person who sent the update. */
export function textsFor(ctx: Context): Texts {
  return textsIn(languageOf(ctx));
}

/** Where the update belongs: the chat, and the topic only where the message is one of a forum topic. */
export function placeOf(ctx: Context): Place | undefined {
  const { chat } = ctx;
  if (!chat || chat.type === "channel") return undefined;
  const message = ctx.msg;
  return {
    chat: {
      type: chat.type,
      botId: ctx.me.id,
      telegramId: chat.id,
      title: chat.type === "private" ? null : chat.title,
    },
    topicId: message?.is_topic_message ? (message.message_thread_id ?? null) : null,
  };
}

/**
 * Whether the bot is meant: always in a private chat; in a group when it is mentioned, replied to, commanded, or its
 * button pressed.
 */
export function isAddressed(ctx: Context): boolean {
  if (ctx.chat?.type === "private" || ctx.callbackQuery) return true;
  const message = ctx.message;
  if (!message) return false;
  if (message.reply_to_message?.from?.id === ctx.me.id) return true;
  const text = message.text ?? message.caption ?? "";
  const mention = `@${ctx.me.username}`.toLowerCase();
  return (message.entities ?? message.caption_entities ?? []).some((entity) => {
    const part = text.slice(entity.offset, entity.offset + entity.length).toLowerCase();
    if (entity.type === "mention") return part === mention;
    if (entity.type === "text_mention") return entity.user.id === ctx.me.id;
    return entity.type === "bot_command" && entity.offset === 0 && (!part.includes("@") || part.endsWith(mention));
  });
}

/** A person's name as Telegram shows it. */
export function nameOf(person: { first_name: string; last_name?: string | undefined }): string {
  return [person.first_name, person.last_name].filter(Boolean).join(" ");
}
