/**
 * What people write: taken in with one commit, answered by a run; what they change later. Everything that is no text gets one
 * sentence.
 */
import { Composer } from "grammy";
import type { Db } from "../db/client.ts";
import type { Coalescer } from "../db/notify/coalesce.ts";
import { receiveMessage } from "../db/queries/chat/conversations.ts";
import { reviseMessage } from "../db/queries/chat/edits.ts";
import { migrateChat } from "../db/queries/chat/places.ts";
import type { Logger } from "../observability/logger.ts";
import { type BotContext, commandOf, languageOf, placeOf, textsFor } from "./context.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";

export interface MessageDeps {
  db: Db;
  /** Tells the workers of what was taken in. */
  bell: Coalescer;
  systemMessages: SystemMessages;
  logger: Logger;
}

/** Longest message that is taken in, in UTF-16 units: Telegram's own limit for people, doubled. */
export const MAX_MESSAGE_CHARACTERS = 8_192;

/** The handlers of messages; they see staff only. */
export function createMessages({ db, bell, systemMessages, logger }: MessageDeps): Composer<BotContext> {
  const messages = new Composer<BotContext>();

  messages.on("message:text", async (ctx) => {
    const texts = textsFor(ctx);
    const { text } = ctx.msg;
    if (text.trim() === "") return systemMessages.say(ctx, texts.empty);
    if (text.length > MAX_MESSAGE_CHARACTERS) return systemMessages.say(ctx, texts.tooLong(MAX_MESSAGE_CHARACTERS));
    const command = commandOf(ctx);
    if (command) {
      // In a group a command that we do not know, and that names nobody, is some other bot's.
      if (ctx.chat.type === "private" || command.bot) systemMessages.say(ctx, texts.unknownCommand);
      return;
    }

    const received = await receiveMessage(db, {
      ...placeOf(ctx),
      updateId: ctx.update.update_id,
      author: ctx.staffMember,
      language: languageOf(ctx),
      text,
      forwarded: ctx.msg.forward_origin !== undefined,
      telegramMessageId: ctx.msg.message_id,
      sentAt: new Date(ctx.msg.date * 1_000),
    });
    const { outcome } = received;
    const facts = { updateId: ctx.update.update_id, staffId: ctx.staffMember.id };
    if (outcome === "queued") {
      bell.notify({ type: "run-queued", runId: received.runId });
      logger.info({ threadId: received.threadId, runId: received.runId }, "message received");
    }
    if (outcome === "seen-before") logger.info({ updateId: ctx.update.update_id }, "update seen before");
    if (outcome === "not-staff") logger.info(facts, "message of a person who was just removed");
    if (outcome === "too-many") {
      logger.warn(facts, "message not taken in: the person asks too much at once");
      if (received.shouldNotify) systemMessages.say(ctx, texts.tooMany);
    }
  });

  messages.on("edited_message:text", async (ctx) => {
    const { text, message_id: telegramMessageId } = ctx.msg;
    if (text.trim() === "" || text.length > MAX_MESSAGE_CHARACTERS) return;
    const edit = { updateId: ctx.update.update_id, authorId: ctx.staffMember.id, telegramMessageId, text };
    const revised = await reviseMessage(db, placeOf(ctx).chat, edit);
    if (revised) logger.info({ messageId: revised.messageId, outcome: revised.outcome }, "message edited");
  });

  messages.on("message", (ctx) => {
    if (isService(ctx)) return;
    systemMessages.say(ctx, textsFor(ctx).unsupported);
  });

  return messages;
}

/**
 * A group became a supergroup: said by a service message that comes from nobody, so it stands before `access`. Both chats
 * say so: over a webhook the new one may be heard first, and what is written there must find the group's thread.
 */
export function createMigration(db: Db): Composer<BotContext> {
  const migration = new Composer<BotContext>();
  migration.on("message:migrate_to_chat_id", (ctx) =>
    migrateChat(db, { botId: ctx.me.id, from: ctx.chat.id, to: ctx.msg.migrate_to_chat_id }),
  );
  migration.on("message:migrate_from_chat_id", (ctx) =>
    migrateChat(db, { botId: ctx.me.id, from: ctx.msg.migrate_from_chat_id, to: ctx.chat.id }),
  );
  return migration;
}

/** Joined, left, pinned, a topic opened: nothing that a person said. */
function isService(ctx: BotContext): boolean {
  const { message } = ctx;
  if (!message) return true;
  const said = [
    "photo",
    "sticker",
    "voice",
    "video",
    "video_note",
    "audio",
    "document",
    "animation",
    "location",
    "contact",
    "poll",
    "dice",
    "venue",
    "story",
  ];
  return !said.some((kind) => kind in message);
}
