/** What handlers read from an update: the person, the place and the language. */
import type { Context } from "grammy";
import type { ChatAddress, Place } from "../db/queries/chat/places.ts";
import type { StaffMember } from "../db/queries/chat/staff.ts";
import { isHigherRole } from "../shop/roles.ts";
import { mentionsBot, readMessageText } from "./telegram/message-text.ts";
import { type Language, pickLanguage, type Texts, textsIn } from "./texts.ts";

export interface BotContext extends Context {
  /** Set by `access`, which lets only staff through. */
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

/** A place in Telegram, not the terminal. */
export type TelegramPlace = Place & { chat: Exclude<ChatAddress, { type: "terminal" }> };

/**
 * The place of an update: its chat, and the topic if the message belongs to a forum topic.
 *
 * @throws for an update of a channel or without a chat, which `access` does not let through.
 */
export function placeOf(ctx: Context): TelegramPlace {
  const { chat, msg: message } = ctx;
  if (!chat || chat.type === "channel") throw new Error("the update belongs neither to a private chat nor to a group");
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
 * Whether the bot is addressed: always in a private chat; in a group by a mention, a reply, a command or a pressed button.
 */
export function isAddressed(ctx: Context): boolean {
  if (ctx.chat?.type === "private" || ctx.callbackQuery) return true;
  const message = ctx.message;
  if (!message) return false;
  const command = commandOf(ctx);
  // A command with another bot's name is for that bot, also as a reply to our message.
  if (command?.bot) return command.bot === ctx.me.username.toLowerCase();
  if (command || message.reply_to_message?.from?.id === ctx.me.id) return true;
  const written = readMessageText(message);
  return written !== null && mentionsBot(written, ctx.me);
}

/** The command at the start of the message, with the bot's name after the @, in lower case. */
export function commandOf({ message }: Context): { bot: string | null } | undefined {
  const entities = message?.entities ?? message?.caption_entities ?? [];
  const entity = entities.find(({ type, offset }) => type === "bot_command" && offset === 0);
  if (!entity) return undefined;
  const [, bot = null] = (message?.text ?? message?.caption ?? "").slice(0, entity.length).toLowerCase().split("@");
  return { bot };
}

/** Whose answers the person may stop: all of them in a private chat or as a manager, in a group only their own. */
export function stoppableBy({ chat, staffMember }: BotContext): { askerId?: string } {
  return chat?.type === "private" || isHigherRole(staffMember.role, "staff") ? {} : { askerId: staffMember.id };
}

/** A person's name as Telegram shows it. */
export function nameOf(person: { first_name: string; last_name?: string | undefined }): string {
  return [person.first_name, person.last_name].filter(Boolean).join(" ");
}

/** A person's @username; null if there is none, or if it is too long for the index. */
export function usernameOf({ username }: { username?: string | undefined }): string | null {
  return typeof username === "string" && username.length <= MAX_USERNAME_CHARACTERS ? username : null;
}

/** Twice Telegram's limit: longer ones do not fit into the index of usernames. */
const MAX_USERNAME_CHARACTERS = 64;
