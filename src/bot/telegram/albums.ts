/**
 * Albums: several pictures that a person sends at once, each in an update of its own. The text of one of them is the question.
 * An album without any text gets one sentence, after the time in which its other pictures arrive.
 */
import type { Db } from "../../db/client.ts";
import { isAlbumAsked } from "../../db/queries/chat/conversations.ts";
import { claimNotice } from "../../db/queries/chat/staff.ts";
import type { Logger } from "../../observability/logger.ts";
import { type BotContext, textsFor } from "../context.ts";
import type { SystemMessages } from "./system-messages.ts";

export interface Albums {
  /** Takes a picture without text. Returns at once. */
  add(ctx: BotContext, mediaGroupId: string): void;
}

/** Telegram delivers the pictures of an album together. Webhooks may deliver them to several processes. */
const WAIT_MS = 1_000;

/** Of the processes that got a picture, the first one says the sentence. In seconds. */
const NOTICE_INTERVAL_SECONDS = 3;

export function createAlbums({
  db,
  logger,
  systemMessages,
}: {
  db: Db;
  logger: Logger;
  systemMessages: SystemMessages;
}): Albums {
  const waiting = new Set<string>();
  const answer = async (ctx: BotContext, mediaGroupId: string) => {
    const { id: staffId, telegramUserId } = ctx.staffMember;
    if (await isAlbumAsked(db, { authorId: staffId, mediaGroupId })) return;
    const notice = {
      botId: ctx.me.id,
      telegramUserId,
      notice: "album",
      intervalSeconds: NOTICE_INTERVAL_SECONDS,
    } as const;
    if (await claimNotice(db, notice)) systemMessages.say(ctx, textsFor(ctx).unsupported);
  };
  return {
    add(ctx, mediaGroupId) {
      const key = `${ctx.chat?.id} ${mediaGroupId}`;
      if (waiting.has(key)) return;
      waiting.add(key);
      // A sentence that is lost with the process is no loss: the person sees that nothing happens, and writes.
      const timer = setTimeout(() => {
        waiting.delete(key);
        answer(ctx, mediaGroupId).catch((error: unknown) => logger.warn({ err: error }, "could not answer an album"));
      }, WAIT_MS);
      timer.unref();
    },
  };
}
