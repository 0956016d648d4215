/**
 * The stage on which runs are shown: a reply for each run of this process, and for each that a dead process left undelivered.
 *
 * The replies of one conversation are delivered one after the other. It decides nothing of what is said or when it is sent.
 */
import type { Api } from "grammy";
import type { RunStage } from "../../assistant/work-on-run.ts";
import type { Db } from "../../db/client.ts";
import { migrateChat } from "../../db/queries/places.ts";
import { claimWaitingReplies, markDelivered, markUndeliverable, saveReplyPages } from "../../db/queries/replies.ts";
import type { ClaimedRun } from "../../db/queries/run-queue.ts";
import type { Logger } from "../../logger.ts";
import { waitUpTo } from "../../wait-up-to.ts";
import { stopData } from "../buttons.ts";
import { systemClock } from "../clock.ts";
import { finalReply, textsIn } from "../texts.ts";
import { withClosedFence } from "./markdown-fence.ts";
import { paginate } from "./pages.ts";
import { createReply, type Reply, type ReplyStore } from "./reply.ts";
import type { BudgetChat, SendBudget } from "./send-budget.ts";
import { createReplyTransport } from "./transport.ts";

export interface StageDeps {
  db: Db;
  api: Api;
  botId: number;
  budget: SendBudget;
  /** What a person reads while a tool of this name runs. */
  toolLabel(name: string, language: string): string;
  workerId(): number;
  logger: Logger;
}

export interface TelegramStage extends RunStage {
  /** Delivers what dead processes left, now and every few seconds. */
  deliverWaiting(): Promise<void>;
  /** Waits up to `graceMs` for what is being delivered; the rest is left in the database for the next process. */
  stop(graceMs: number): Promise<void>;
}

interface Place {
  replyId: string;
  runId: string;
  /** Our own id of the chat: Telegram's may change in the middle of a reply. */
  chatId: string;
  chat: BudgetChat;
  topicId: number | null;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
  language: string;
}

/** Replies delivered at once of those that wait; the next look takes the next ones. */
const WAITING_BATCH = 50;
const STORE_RETRY_MS = 1_000;

/** A stage in the chats of one bot. */
export function createTelegramStage(deps: StageDeps): TelegramStage {
  const { db, logger } = deps;
  const open = new Map<string, Reply>();
  const lastOf = new Map<string, Promise<void>>();
  let isGraceOver = false;

  const openReply = (place: Place): Reply => {
    const { chat, topicId, language } = place;
    const conversation = `${place.chatId}:${topicId ?? ""}`;
    const texts = textsIn(language);
    const reply = createReply({
      chat,
      budget: deps.budget,
      transport: createReplyTransport({
        api: deps.api,
        chat,
        topicId,
        replyToMessageId: place.replyToMessageId,
        stopButton: { label: texts.buttons.stop, data: stopData(place.runId) },
        onMigrated: (to) => store(() => migrateChat(db, { botId: deps.botId, from: chat.telegramId, to })),
      }),
      store: storeOf(place.replyId),
      statusLine: (names) => texts.checking(names.map((name) => deps.toolLabel(name, language)).join(", ")),
      telegramMessageIds: place.telegramMessageIds,
      turn: lastOf.get(conversation) ?? Promise.resolve(),
      clock: systemClock,
      logger: logger.child({ runId: place.runId, replyId: place.replyId }),
    });
    open.set(place.replyId, reply);
    lastOf.set(conversation, reply.done);
    void reply.done.then(() => {
      if (open.get(place.replyId) === reply) open.delete(place.replyId);
      if (lastOf.get(conversation) === reply.done) lastOf.delete(conversation);
    });
    return reply;
  };
  const storeOf = (replyId: string): ReplyStore => ({
    savePages: (ids) => store(() => saveReplyPages(db, replyId, ids)),
    markDelivered: () => store(() => markDelivered(db, replyId)),
    markUndeliverable: (reason) => store(() => markUndeliverable(db, replyId, reason)),
  });
  // The chat shows it already: what is known of it is stored as soon as the database takes it.
  const store = async (write: () => Promise<void>) => {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (isGraceOver) throw error;
        logger.warn({ err: error }, "could not store a reply's state: trying again");
        await new Promise((resolve) => setTimeout(resolve, STORE_RETRY_MS));
      }
    }
  };

  return {
    open(run) {
      const place = placeOf(run);
      if (!place) throw new Error(`run ${run.id} has no chat to be shown in`);
      return openReply(place);
    },
    finalText(run, outcome, text) {
      const reply = finalReply(run.language, outcome, outcome.status === "completed" ? text : withClosedFence(text));
      // An empty code block or a lone quote mark is nothing that Telegram could show: the person still gets an end.
      return paginate(reply, { final: true }).length > 0 ? reply : textsIn(run.language).faults.MODEL_EMPTY;
    },
    async deliverWaiting() {
      const waiting = await claimWaitingReplies(db, {
        botId: deps.botId,
        workerId: deps.workerId(),
        limit: WAITING_BATCH,
      });
      for (const { id: replyId, chatTelegramId, chatType, finalText, ...rest } of waiting) {
        // This worker's number changed while it was being delivered: it goes on by itself.
        if (open.has(replyId)) continue;
        const chat = { telegramId: chatTelegramId, isGroup: chatType !== "private" };
        const reply = openReply({ ...rest, replyId, chat, language: "en" });
        logger.info({ runId: rest.runId, replyId }, "delivering what an earlier process left");
        reply.emit({
          type: "run-end",
          outcome: { status: "completed", errorCode: null, errorMessage: null },
          finalText,
        });
      }
    },
    async stop(graceMs) {
      const allDone = () => Promise.all([...open.values()].map(({ done }) => done));
      await waitUpTo(graceMs, allDone());
      isGraceOver = true;
      for (const reply of open.values()) reply.abandon();
      await allDone();
    },
  };
}

function placeOf(run: ClaimedRun): Place | null {
  if (run.reply === null || run.chat.telegramId === null) return null;
  return {
    replyId: run.reply.id,
    runId: run.id,
    chatId: run.chat.id,
    chat: { telegramId: run.chat.telegramId, isGroup: run.chat.type !== "private" },
    topicId: run.topicId,
    replyToMessageId: run.reply.replyToMessageId,
    telegramMessageIds: run.reply.telegramMessageIds,
    language: run.language,
  };
}
