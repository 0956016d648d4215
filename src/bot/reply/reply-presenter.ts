/**
 * The stage on which runs are shown: a reply for each run of this process, and for each that a dead process left undelivered.
 *
 * The replies of one conversation are delivered one after the other, whichever processes have them. It decides nothing of
 * what is said or when it is sent.
 */
import type { Api } from "grammy";
import type { RunPresenter } from "../../assistant/worker/work-on-run.ts";
import type { Db } from "../../db/client.ts";
import type { StoredWindow } from "../../db/queries/chat/chat-windows.ts";
import { migrateChat } from "../../db/queries/chat/places.ts";
import {
  claimWaitingReplies,
  type ReplyClaim,
  ReplyLostError,
  releaseReply,
  type WaitingReply,
} from "../../db/queries/chat/replies.ts";
import type { ClaimedRun } from "../../db/queries/runs/run-queue.ts";
import type { RunOutcome } from "../../events.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ReplyMeter } from "../../observability/meter.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { isWorthRetrying, retryData, stopData } from "../buttons.ts";
import type { Clock } from "../telegram/clock.ts";
import { finalReply, textsIn } from "../texts.ts";
import type { BudgetChat, SendBudget } from "./budget/send-budget.ts";
import { waitForTurn } from "./delivery-order.ts";
import { withClosedFence } from "./markdown/fence.ts";
import { paginate } from "./pages/pages.ts";
import { createReply, type Reply } from "./reply.ts";
import { createReplyRecords } from "./reply-records.ts";
import { createReplyTransport } from "./transport.ts";

export interface ReplyPresenterDeps {
  db: Db;
  api: Api;
  botId: number;
  budget: SendBudget;
  /** What a person reads while a tool of this name runs. */
  toolLabel(name: string, language: string): string;
  workerId(): number;
  clock: Clock;
  meter?: ReplyMeter;
  /** Replies in memory, `MOST_OPEN_REPLIES` unless told. */
  mostOpenReplies?: number;
  logger: Logger;
}

export interface ReplyPresenter extends RunPresenter {
  /** Delivers what dead processes left, now and every few seconds. */
  deliverWaiting(): Promise<void>;
  /** The worker's number is dead: what it drew may be another's from now on. */
  abandonAll(): void;
  /** Waits up to `graceMs` for what is being delivered; the rest is left in the database for the next process. */
  stop(graceMs: number): Promise<void>;
}

interface Place {
  replyId: string;
  runId: string;
  /** The number under which it was claimed. */
  workerId: number;
  /** Our own id of the chat: Telegram's may change in the middle of a reply. */
  chatId: string;
  chat: BudgetChat;
  window: StoredWindow;
  topicId: number | null;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
  shownLength: number;
  isBehind: boolean;
  language: string;
  /** How long ago the question was taken in, in milliseconds; null where something of the reply was shown before. */
  queuedMs: number | null;
}

/** Replies delivered at once of those that wait; the next look takes the next ones. */
const WAITING_BATCH = 50;
/**
 * Replies in memory, most of which wait for Telegram: above that, those whose runs have ended wait in the database. Those that
 * are behind another do so above half of it: they can never fill it, so there is always room for what holds them up.
 */
const MOST_OPEN_REPLIES = 1_000;

/** A stage in the chats of one bot. */
export function createReplyPresenter(deps: ReplyPresenterDeps): ReplyPresenter {
  const { budget, clock, db, logger, mostOpenReplies = MOST_OPEN_REPLIES } = deps;
  const open = new Map<string, Reply>();
  /** Numbers under which this process has claimed something: what they noted of a chat is known here. */
  const ownNumbers = new Set<number>();
  const records = createReplyRecords(db, logger);
  const ends = createEnds();

  /** `turn` tells whether the reply still waits for one before it. */
  const openReply = (place: Place): { reply: Reply; turn: { isAwaited: boolean } } => {
    const { chat, language, replyId, runId, topicId } = place;
    const conversation = `${place.chatId}:${topicId ?? ""}`;
    const texts = textsIn(language);
    const log = logger.child({ runId, replyId });
    const before = open.get(replyId);
    const turn = { isAwaited: true };
    ownNumbers.add(place.workerId);
    if (!ownNumbers.has(place.window.savedBy ?? place.workerId)) budget.learn(chat, place.window);
    const reply = createReply({
      chat,
      budget,
      transport: createReplyTransport({
        api: deps.api,
        chat,
        topicId,
        replyToMessageId: place.replyToMessageId,
        buttons: {
          stop: { label: texts.buttons.stop, data: stopData(runId) },
          retry: { label: texts.buttons.retry, data: retryData(runId) },
        },
        onMigrated: (to) => records.keep(() => migrateChat(db, { botId: deps.botId, from: chat.telegramId, to })),
      }),
      store: records.open({ id: replyId, workerId: place.workerId }),
      statusLine: (names) => texts.checking(names.map((name) => deps.toolLabel(name, language)).join(", ")),
      shownLength: place.shownLength,
      isWorthRetrying,
      async begin(signal) {
        const shown = await waitForTurn({
          place,
          before: before?.done,
          look: () => records.findTurn(replyId),
          onEnd: (callback) => ends.listen(conversation, callback),
          signal,
        });
        turn.isAwaited = false;
        return shown;
      },
      askedAt: place.queuedMs === null ? null : clock.now() - place.queuedMs,
      ...(deps.meter ? { meter: deps.meter } : {}),
      clock,
      logger: log,
    });
    open.set(replyId, reply);
    void reply.done.then(() => {
      if (open.get(replyId) === reply) {
        open.delete(replyId);
        records.close(replyId);
      }
      ends.ring(conversation);
    });
    return { reply, turn };
  };

  const giveBack = async (claim: ReplyClaim) => {
    try {
      await records.keep(() => releaseReply(db, claim));
    } catch (error) {
      // It has come to its end meanwhile, or is another's.
      if (error instanceof ReplyLostError) return;
      logger.warn({ err: error, replyId: claim.id }, "could not give a reply back: it is when this process ends");
    }
  };

  return {
    open(run) {
      const place = placeOf(run);
      if (!place) throw new Error(`run ${run.id} has no chat to be shown in`);
      const { reply, turn } = openReply(place);
      return {
        abandon() {
          reply.abandon();
          return reply.done;
        },
        emit(event) {
          reply.emit(event);
          const room = turn.isAwaited ? mostOpenReplies / 2 : mostOpenReplies;
          if (event.type !== "run-end" || open.size <= room) return;
          reply.abandon();
          void reply.done.then(() => giveBack({ id: place.replyId, workerId: run.workerId }));
        },
      };
    },
    finalText(run, outcome, text) {
      const reply = finalReply(run.language, outcome, outcome.status === "completed" ? text : withClosedFence(text));
      // An empty code block or a lone quote mark is nothing that Telegram could show: the person still gets an end.
      return paginate(reply, { final: true }).length > 0 ? reply : textsIn(run.language).faults.MODEL_EMPTY;
    },
    async deliverWaiting() {
      const limit = Math.min(WAITING_BATCH, mostOpenReplies - open.size);
      if (limit <= 0) return;
      const workerId = deps.workerId();
      const claim = { botId: deps.botId, workerId, openReplyIds: [...open.keys()], limit };
      for (const waiting of await claimWaitingReplies(db, claim)) {
        // Its run has ended just now, or an earlier drawing of it is about to end.
        if (open.has(waiting.id)) continue;
        logger.info({ runId: waiting.runId, replyId: waiting.id }, "delivering what an earlier process left");
        const { finalText } = waiting;
        openReply(placeOfWaiting(waiting, workerId)).reply.emit({
          type: "run-end",
          outcome: outcomeOf(waiting),
          finalText,
        });
      }
    },
    abandonAll() {
      for (const reply of open.values()) reply.abandon();
    },
    async stop(graceMs) {
      const allDone = () => Promise.all([...open.values()].map(({ done }) => done));
      await waitUpTo(graceMs, allDone());
      records.giveUp();
      for (const reply of open.values()) reply.abandon();
      await allDone();
    },
  };
}

function placeOf(run: ClaimedRun): Place | null {
  const { chat, reply, workerId, language, topicId } = run;
  if (reply === null || chat.telegramId === null) return null;
  const { id: replyId, ...shown } = reply;
  return {
    ...shown,
    replyId,
    runId: run.id,
    workerId,
    chatId: chat.id,
    chat: { telegramId: chat.telegramId, isGroup: chat.type !== "private" },
    window: chat.window,
    topicId,
    language,
    queuedMs: run.attempt === 1 ? run.queuedMs : null,
  };
}

function placeOfWaiting(waiting: WaitingReply, workerId: number): Place {
  const { id: replyId, chatTelegramId, chatType, ...rest } = waiting;
  const chat = { telegramId: chatTelegramId, isGroup: chatType !== "private" };
  return { ...rest, replyId, workerId, chat, isBehind: false, shownLength: 0, queuedMs: null };
}

function outcomeOf({ errorCode }: WaitingReply): RunOutcome {
  return { status: errorCode === null ? "completed" : "failed", errorCode, errorMessage: null };
}

/** Who waits for a reply of a conversation to end. */
function createEnds() {
  const listeners = new Map<string, Set<() => void>>();
  return {
    listen(conversation: string, callback: () => void): () => void {
      const others = listeners.get(conversation) ?? new Set();
      listeners.set(conversation, others.add(callback));
      return () => {
        others.delete(callback);
        if (others.size === 0 && listeners.get(conversation) === others) listeners.delete(conversation);
      };
    },
    ring(conversation: string): void {
      for (const callback of listeners.get(conversation) ?? []) callback();
    },
  };
}
