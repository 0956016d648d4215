/**
 * What people write: a text is stored and answered by a run, an edit changes it. Any other message gets one sentence. The text of
 * a picture, and that of a rich message, are texts like any other.
 */
import { Composer, type Filter } from "grammy";
import type { Db } from "../db/client.ts";
import type { Coalescer } from "../db/notify/coalesce.ts";
import { receiveMessage } from "../db/queries/chat/conversations.ts";
import { reviseMessage } from "../db/queries/chat/edits.ts";
import { migrateChat } from "../db/queries/chat/places.ts";
import type { Logger } from "../observability/logger.ts";
import { type BotContext, commandOf, isAddressed, languageOf, placeOf, textsFor } from "./context.ts";
import { quoteOf } from "./quotes.ts";
import { type Albums, createAlbums } from "./telegram/albums.ts";
import { type MessageText, readMessageText } from "./telegram/message-text.ts";
import { isServiceMessage } from "./telegram/service-messages.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";

export interface MessageDeps {
  db: Db;
  /** Notifies the workers of new runs. */
  notifier: Coalescer;
  systemMessages: SystemMessages;
  logger: Logger;
}

/** The longest accepted message in UTF-16 units: twice the characters of a rich message, the longest that Telegram allows. */
export const MAX_MESSAGE_CHARACTERS = 65_536;

/** The handlers of messages; `access` lets only staff through. */
export function createMessages(deps: MessageDeps): Composer<BotContext> {
  const messages = new Composer<BotContext>();
  const albums = createAlbums(deps);
  messages.on("message", (ctx) => handleMessage(deps, ctx, albums));
  messages.on("edited_message", (ctx) => handleEdit(deps, ctx));
  return messages;
}

async function handleMessage(deps: MessageDeps, ctx: Filter<BotContext, "message">, albums: Albums): Promise<void> {
  const { systemMessages } = deps;
  const texts = textsFor(ctx);
  const written = readMessageText(ctx.msg);
  if (!isAddressed(ctx)) {
    if (written && isQuestion(written) && !commandOf(ctx)) await receive(deps, ctx, written);
    return;
  }
  if (!written || (written.hasAttachment && written.text.trim() === "")) {
    if (ctx.msg.media_group_id !== undefined) return albums.add(ctx, ctx.msg.media_group_id);
    if (!isServiceMessage(ctx.msg)) systemMessages.say(ctx, texts.unsupported);
    return;
  }
  const { text } = written;
  if (text.trim() === "") return systemMessages.say(ctx, texts.empty);
  if (text.length > MAX_MESSAGE_CHARACTERS) return systemMessages.say(ctx, texts.tooLong(MAX_MESSAGE_CHARACTERS));
  const command = commandOf(ctx);
  if (!command) return receive(deps, ctx, written);
  // In a group, an unknown command without a bot's name belongs to another bot.
  if (ctx.chat.type === "private" || command.bot) systemMessages.say(ctx, texts.unknownCommand);
}

/** Whether the text is one that is stored. */
function isQuestion({ text }: MessageText): boolean {
  return text.trim() !== "" && text.length <= MAX_MESSAGE_CHARACTERS;
}

async function receive(
  deps: MessageDeps,
  ctx: Filter<BotContext, "message">,
  { hasAttachment, text }: MessageText,
): Promise<void> {
  const { db, logger, notifier, systemMessages } = deps;
  const received = await receiveMessage(db, {
    ...placeOf(ctx),
    updateId: ctx.update.update_id,
    author: ctx.staffMember,
    language: languageOf(ctx),
    text,
    isAddressed: isAddressed(ctx),
    forwarded: ctx.msg.forward_origin !== undefined,
    quote: quoteOf(ctx.msg, ctx.me.id),
    hasAttachment,
    mediaGroupId: ctx.msg.media_group_id ?? null,
    // 0: nobody can reply to the message, or edit it.
    telegramMessageId: ctx.msg.message_id || null,
    sentAt: new Date(ctx.msg.date * 1_000),
  });
  const facts = { updateId: ctx.update.update_id, staffId: ctx.staffMember.id };
  switch (received.outcome) {
    case "queued":
      notifier.notify({ type: "run-queued", runId: received.runId });
      logger.info({ threadId: received.threadId, runId: received.runId }, "message received");
      break;
    case "not-addressed":
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

async function handleEdit({ db, logger }: MessageDeps, ctx: Filter<BotContext, "edited_message">): Promise<void> {
  const { message_id: telegramMessageId } = ctx.msg;
  const written = readMessageText(ctx.msg);
  if (telegramMessageId === 0 || !written || !isQuestion(written)) return;
  const { text } = written;
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
