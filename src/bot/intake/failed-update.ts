/** Telling a person that what they sent could not be taken in: one sentence, so that nobody waits for an answer. */
import { BotError } from "grammy";
import type { Db } from "../../db/client.ts";
import { oncePerUpdate } from "../../db/queries/chat/places.ts";
import type { Logger } from "../../observability/logger.ts";
import { answerPress } from "../buttons.ts";
import { type BotContext, placeOf, textsFor } from "../context.ts";
import type { SystemMessages } from "../telegram/system-messages.ts";

export interface FailedUpdateDeps {
  db: Db;
  systemMessages: SystemMessages;
  logger: Logger;
}

/**
 * Takes the error with which the handlers of an update ended, and tells whom it came from; nobody where that is not known.
 *
 * Nothing is said of an update that was committed after all, nor twice by two processes: its key is stored with it.
 *
 * @throws what the database throws.
 */
export function createReportFailedUpdate({
  db,
  systemMessages,
  logger,
}: FailedUpdateDeps): (error: unknown) => Promise<void> {
  return async (error) => {
    const ctx = error instanceof BotError ? (error.ctx as BotContext) : undefined;
    if (!ctx || !isToBeTold(ctx)) return;
    const { chat } = placeOf(ctx);
    const isNew = await oncePerUpdate(db, { chat, updateId: ctx.update.update_id }, async () => true);
    const texts = textsFor(ctx);
    if (ctx.callbackQuery) answerPress(ctx, isNew ? texts.pressNotProcessed : "", logger);
    else if (isNew) systemMessages.say(ctx, texts.notProcessed);
  };
}

/** Those whom `access` let in; in a private chat also who was not looked up yet. Never another bot: it would answer. */
function isToBeTold({ chat, from, msg, staffMember }: BotContext): boolean {
  if (!from || from.is_bot || !chat || chat.type === "channel" || msg?.sender_chat) return false;
  return staffMember !== undefined || chat.type === "private";
}
