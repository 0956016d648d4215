/**
 * Decides which messages of people the bot receives.
 *
 * Source: core.telegram.org/bots/features#privacy-mode. With privacy mode on, a bot that is not an administrator receives in
 * a group only commands that are not for another bot, mentions of it, replies to it, and service messages.
 */
import type { Message, User } from "@grammyjs/types";
import type { ChatState, World } from "./world.ts";

export function isVisibleToBot({ bot }: Pick<World, "bot">, state: ChatState, message: Message): boolean {
  if (state.botAccess !== "open" || message.from?.is_bot) return false;
  if (state.chat.type === "private" || bot.can_read_all_group_messages) return true;
  if (state.administratorIds.has(bot.id) || isService(message)) return true;
  return message.reply_to_message?.from?.id === bot.id || mentionsBot(message, bot);
}

function isService(message: Message): boolean {
  return !CONTENT_FIELDS.some((field) => message[field] !== undefined);
}

const CONTENT_FIELDS = [
  "text",
  "photo",
  "sticker",
  "document",
  "voice",
  "video",
  "audio",
  "location",
  "contact",
] as const;

function mentionsBot({ text = "", entities = [] }: Message, bot: User): boolean {
  const name = `@${bot.username ?? ""}`.toLowerCase();
  return entities.some((entity) => {
    const covered = text.slice(entity.offset, entity.offset + entity.length).toLowerCase();
    if (entity.type === "text_mention") return entity.user.id === bot.id;
    if (entity.type === "mention") return covered === name;
    return entity.type === "bot_command" && (covered.endsWith(name) || !covered.includes("@"));
  });
}
