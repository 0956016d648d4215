/** Tells a person that their message or button press could not be processed, so that they do not wait for an answer. */
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
 * Takes the error of an update's handlers and tells the sender, if it is known.
 *
 * It stores the update's key. So nothing is sent for an update that was committed after all, nor twice by two processes.
 *
 * @throws errors of the database
 */
export function createReportFailedUpdate(deps: FailedUpdateDeps): (error: unknown) => Promise<void> {
  const { db, systemMessages, logger } = deps;
  return async (error) => {
    const ctx = error instanceof BotError ? (error.ctx as BotContext) : undefined;
    if (!ctx || !mayTell(ctx)) return;
    const { chat } = placeOf(ctx);
    const isNew = await oncePerUpdate(db, { chat, updateId: ctx.update.update_id }, async () => true);
    const texts = textsFor(ctx);
    if (ctx.callbackQuery) answerPress(ctx, isNew ? texts.pressNotProcessed : "", logger);
    else if (isNew) systemMessages.say(ctx, texts.notProcessed);
  };
}

/** People whom `access` let through; in a private chat also those it did not look up yet. Never another bot: it would answer. */
function mayTell({ chat, from, msg, staffMember }: BotContext): boolean {
  if (!from || from.is_bot || !chat || chat.type === "channel" || msg?.sender_chat) return false;
  return staffMember !== undefined || chat.type === "private";
}
