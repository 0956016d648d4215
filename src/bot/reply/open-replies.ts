/** The replies that this process holds in memory: each rendered into its chat, in the delivery order of its conversation. */
import type { Api } from "grammy";
import type { Db } from "../../db/client.ts";
import { migrateChat } from "../../db/queries/chat/places.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ReplyMeter } from "../../observability/meter.ts";
import type { Clock } from "../budget/clock.ts";
import type { SendBudget } from "../budget/send-budget.ts";
import { isWorthRetrying, retryData, stopData } from "../buttons.ts";
import { textsIn } from "../texts.ts";
import { createDeliveryOrder, type DeliveryOrder } from "./delivery-order.ts";
import type { ReplyTransport } from "./ports.ts";
import { createReply, type Reply } from "./reply.ts";
import type { ReplyRecords } from "./reply-records.ts";
import { conversationOf, type ReplyTarget } from "./reply-target.ts";
import { createReplyTransport } from "./transport.ts";

export interface OpenRepliesDeps {
  db: Db;
  api: Api;
  botId: number;
  budget: SendBudget;
  records: ReplyRecords;
  /** What a person reads while the tool with this name runs. */
  toolLabel(name: string, language: string): string;
  clock: Clock;
  meter?: ReplyMeter;
  logger: Logger;
}

export interface OpenReply {
  reply: Reply;
  /** Whether it still waits for earlier replies of its conversation. */
  isWaiting(): boolean;
}

export interface OpenReplies {
  /** Starts a reply; it is removed when it is done. */
  open(target: ReplyTarget): OpenReply;
  ids(): string[];
  has(replyId: string): boolean;
  count(): number;
  /** Stops rendering. Calls that are under way are not ended: they may still arrive. */
  abandonAll(): void;
  /** Another process may hold the replies: stops rendering, and ends the calls that are under way. */
  loseAll(): void;
  allDone(): Promise<unknown>;
}

interface State extends OpenRepliesDeps {
  readonly replies: Map<string, Reply>;
  /** Ends the calls of the replies that are held under the worker id of now; replaced when that is lost. */
  calls: AbortController;
  /** Worker ids of this process: it already knows the calls that it saved under them. */
  readonly ownWorkerIds: Set<number>;
  readonly order: DeliveryOrder;
}

export function createOpenReplies(deps: OpenRepliesDeps): OpenReplies {
  const state: State = {
    ...deps,
    replies: new Map(),
    calls: new AbortController(),
    ownWorkerIds: new Set(),
    order: createDeliveryOrder(),
  };
  const { replies } = state;
  const abandonAll = () => {
    for (const reply of replies.values()) reply.abandon();
  };
  return {
    open: (target) => openReply(state, target),
    ids: () => [...replies.keys()],
    has: (replyId) => replies.has(replyId),
    count: () => replies.size,
    abandonAll,
    loseAll() {
      abandonAll();
      state.calls.abort(new Error("another process may hold the reply"));
      state.calls = new AbortController();
    },
    allDone: () => Promise.all([...replies.values()].map(({ done }) => done)),
  };
}

function openReply(state: State, target: ReplyTarget): OpenReply {
  const { budget, clock, logger, meter, order, records, replies } = state;
  const { chat, language, replyId, runId, workerId } = target;
  const earlier = replies.get(replyId)?.done;
  let isWaiting = true;
  learnWindow(state, target);
  const reply = createReply({
    chat,
    budget,
    transport: createTransport(state, target),
    store: records.open({ id: replyId, workerId }),
    statusLine: (names) => textsIn(language).checking(names.map((name) => state.toolLabel(name, language)).join(", ")),
    shownLength: target.shownLength,
    isWorthRetrying,
    async begin(signal) {
      const readPosition = () => records.findPosition(replyId);
      const conversation = conversationOf(target);
      const shown = await order.waitForTurn({ conversation, position: target, earlier, readPosition, signal });
      isWaiting = false;
      return shown;
    },
    askedAt: target.queuedMs === null ? null : clock.now() - target.queuedMs,
    ...(meter ? { meter } : {}),
    clock,
    logger: logger.child({ runId, replyId }),
  });
  replies.set(replyId, reply);
  void reply.done.then(() => closeReply(state, target, reply));
  return { reply, isWaiting: () => isWaiting };
}

function learnWindow({ budget, ownWorkerIds }: State, { chat, window, workerId }: ReplyTarget): void {
  ownWorkerIds.add(workerId);
  if (window.savedBy !== null && !ownWorkerIds.has(window.savedBy)) budget.learn(chat, window);
}

function createTransport({ api, botId, calls, db, records }: State, target: ReplyTarget): ReplyTransport {
  const { chat, language, replyToMessageId, runId, topicId } = target;
  const { buttons } = textsIn(language);
  return createReplyTransport({
    api,
    chat,
    topicId,
    replyToMessageId,
    buttons: {
      stop: { label: buttons.stop, data: stopData(runId) },
      retry: { label: buttons.retry, data: retryData(runId) },
    },
    signal: calls.signal,
    onMigrated: (to) => records.store(() => migrateChat(db, { botId, from: chat.telegramId, to })),
  });
}

function closeReply({ order, records, replies }: State, target: ReplyTarget, reply: Reply): void {
  // Another attempt of the same reply may have replaced it.
  if (replies.get(target.replyId) === reply) {
    replies.delete(target.replyId);
    records.close(target.replyId);
  }
  order.replyEnded(conversationOf(target));
}
