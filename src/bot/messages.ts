/**
 * What people write: a text is stored and answered by a run, an edit changes it. Any other message gets one sentence.
 */
import { Composer, type Filter } from "grammy";
import type { Db } from "../db/client.ts";
import type { Coalescer } from "../db/notify/coalesce.ts";
import { receiveMessage } from "../db/queries/chat/conversations.ts";
import { reviseMessage } from "../db/queries/chat/edits.ts";
import { migrateChat } from "../db/queries/chat/places.ts";
import type { Logger } from "../observability/logger.ts";
import { type BotContext, commandOf, languageOf, placeOf, textsFor } from "./context.ts";
import { quoteOf } from "./quotes.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";

export interface MessageDeps {
  db: Db;
  /** Notifies the workers of new runs. */
  notifier: Coalescer;
  systemMessages: SystemMessages;
  logger: Logger;
}

/** The longest accepted message in UTF-16 units: twice Telegram's own limit for people. */
export const MAX_MESSAGE_CHARACTERS = 8_192;

/** The handlers of messages; `access` lets only staff through. */
export function createMessages(deps: MessageDeps): Composer<BotContext> {
  const messages = new Composer<BotContext>();
  messages.on("message:text", (ctx) => handleText(deps, ctx));
  messages.on("edited_message:text", (ctx) => handleEdit(deps, ctx));
  messages.on("message", (ctx) => {
    if (!isService(ctx)) deps.systemMessages.say(ctx, textsFor(ctx).unsupported);
  });
  return messages;
}

async function handleText(deps: MessageDeps, ctx: Filter<BotContext, "message:text">): Promise<void> {
  const { systemMessages } = deps;
  const texts = textsFor(ctx);
  const { text } = ctx.msg;
  if (text.trim() === "") return systemMessages.say(ctx, texts.empty);
  if (text.length > MAX_MESSAGE_CHARACTERS) return systemMessages.say(ctx, texts.tooLong(MAX_MESSAGE_CHARACTERS));
  const command = commandOf(ctx);
  if (!command) return receive(deps, ctx);
  // In a group, an unknown command without a bot's name belongs to another bot.
  if (ctx.chat.type === "private" || command.bot) systemMessages.say(ctx, texts.unknownCommand);
}

async function receive(deps: MessageDeps, ctx: Filter<BotContext, "message:text">): Promise<void> {
  const { db, logger, notifier, systemMessages } = deps;
  const received = await receiveMessage(db, {
    ...placeOf(ctx),
    updateId: ctx.update.update_id,
    author: ctx.staffMember,
    language: languageOf(ctx),
    text: ctx.msg.text,
    forwarded: ctx.msg.forward_origin !== undefined,
    quote: quoteOf(ctx.msg, ctx.me.id),
    telegramMessageId: ctx.msg.message_id,
    sentAt: new Date(ctx.msg.date * 1_000),
  });
  const facts = { updateId: ctx.update.update_id, staffId: ctx.staffMember.id };
  switch (received.outcome) {
    case "queued":
      notifier.notify({ type: "run-queued", runId: received.runId });
      logger.info({ threadId: received.threadId, runId: received.runId }, "message received");
      break;
    case "seen-before":
      logger.info({ updateId: facts.updateId }, "update seen before");
      break;
    case "not-staff":
      logger.info(facts, "message refused: the person was just removed");
      break;
    case "too-many":
      logger.warn(facts, "message refused: the person asks too much at once");
      if (received.shouldNotify) systemMessages.say(ctx, textsFor(ctx).tooMany);
  }
}

async function handleEdit({ db, logger }: MessageDeps, ctx: Filter<BotContext, "edited_message:text">): Promise<void> {
  const { text, message_id: telegramMessageId } = ctx.msg;
  if (text.trim() === "" || text.length > MAX_MESSAGE_CHARACTERS) return;
  const edit = { updateId: ctx.update.update_id, authorId: ctx.staffMember.id, telegramMessageId, text };
  const revised = await reviseMessage(db, placeOf(ctx).chat, edit);
  if (revised) logger.info({ messageId: revised.messageId, outcome: revised.outcome }, "message edited");
}

/**
 * A group became a supergroup. The service message has no author, so this handler runs before `access`. Both chats report
 * it: by webhook the new chat may be first, and its messages must find the thread of the group.
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

/** Fields of a message that a person sent without text. */
const CONTENT_FIELDS = [
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

/** Whether it is a service message (joined, left, pinned, topic opened), not written by a person. */
function isService({ message }: BotContext): boolean {
  return !message || !CONTENT_FIELDS.some((field) => field in message);
}
