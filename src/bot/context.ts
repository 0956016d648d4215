/** What a handler knows of an update: who asks, where, in which language. */
import type { Context } from "grammy";
import type { ChatAddress, Place } from "../db/queries/chat/places.ts";
import type { StaffMember } from "../db/queries/chat/staff.ts";
import { isHigherRole } from "../shop/roles.ts";
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

/** A place in Telegram. */
export type TelegramPlace = Place & { chat: Exclude<ChatAddress, { type: "terminal" }> };

/**
 * Where the update belongs: the chat, and the topic only where the message is one of a forum topic.
 *
 * @throws on an update of a channel or of no chat: `access` lets none through.
 */
export function placeOf(ctx: Context): TelegramPlace {
  const { chat, msg: message } = ctx;
  if (!chat || chat.type === "channel") throw new Error("the update is of no private chat and no group");
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
  const command = commandOf(ctx);
  // A command that names another bot is theirs, also beneath a message of ours.
  if (command?.bot) return command.bot === ctx.me.username.toLowerCase();
  if (command || message.reply_to_message?.from?.id === ctx.me.id) return true;
  const text = message.text ?? message.caption ?? "";
  return (message.entities ?? message.caption_entities ?? []).some((entity) => {
    if (entity.type === "text_mention") return entity.user.id === ctx.me.id;
    const part = text.slice(entity.offset, entity.offset + entity.length);
    return entity.type === "mention" && part.toLowerCase() === `@${ctx.me.username}`.toLowerCase();
  });
}

/** The command that the message begins with, and the bot that it names behind an @, in lower case. */
export function commandOf({ message }: Context): { bot: string | null } | undefined {
  const entities = message?.entities ?? message?.caption_entities ?? [];
  const entity = entities.find(({ type, offset }) => type === "bot_command" && offset === 0);
  if (!entity) return undefined;
  const [, bot = null] = (message?.text ?? message?.caption ?? "").slice(0, entity.length).toLowerCase().split("@");
  return { bot };
}

/** Whose answers the person may stop: in a private chat any, in a group their own, and a manager anybody's. */
export function stoppableBy({ chat, staffMember }: BotContext): { askerId?: string } {
  return chat?.type === "private" || isHigherRole(staffMember.role, "staff") ? {} : { askerId: staffMember.id };
}

/** A person's name as Telegram shows it. */
export function nameOf(person: { first_name: string; last_name?: string | undefined }): string {
  return [person.first_name, person.last_name].filter(Boolean).join(" ");
}

/** A person's @username; null where there is none, or none that Telegram has: it takes 32 characters. */
export function usernameOf({ username }: { username?: string | undefined }): string | null {
  return typeof username === "string" && username.length <= MAX_USERNAME_CHARACTERS ? username : null;
}

/** Telegram's limit, doubled: what is longer has no room in the index by which people are found. */
const MAX_USERNAME_CHARACTERS = 64;
