/**
 * The rate limiter for Telegram: one budget for all calls that count, per chat and over all chats.
 *
 * A caller waits for a slot and renders its text when it has the slot. Of the waiting calls the most important goes first;
 * among equals, the one that has waited longest. So first and final messages overtake interim edits, and no chat blocks
 * another. The budget knows nothing of what is sent.
 */
import type { ChatWindow } from "../../db/queries/chat/chat-windows.ts";
import { createChatAllowance } from "./chat-allowance.ts";
import type { ChatQueue, Slot } from "./chat-queue.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createOverallAllowance } from "./overall-allowance.ts";
import type { Priority } from "./priority.ts";
import { createScheduler, type Scheduler, serve, serveReady, trySlot, waitForSlot } from "./scheduler.ts";

export type { Slot } from "./chat-queue.ts";
export type { Priority } from "./priority.ts";

export interface BudgetChat {
  telegramId: number;
  isGroup: boolean;
}

export interface SendBudget {
  /**
   * Waits for a slot in the chat. `priority` is read again at `reconsider`: a waiting edit may have become the final one.
   * Rejects with the signal's reason when it aborts.
   */
  take(chat: BudgetChat, priority: () => Priority, signal?: AbortSignal): Promise<Slot>;
  /** A slot if one is free and no call waits for it; else null. For calls that are not worth waiting for. */
  tryTake(chat: BudgetChat, priority: Priority): Slot | null;
  /** A priority may have risen: reads the priorities of the chat again. */
  reconsider(chat: BudgetChat): void;
  /** Telegram asked to wait: nothing is sent to the chat until then. */
  freeze(chat: BudgetChat, seconds: number): void;
  /** This many processes of the bot share the limit over all chats, this one included. */
  share(processes: number): void;
  /** Adopts what another process sent to the chat, as if it had been sent from here. */
  learn(chat: BudgetChat, window: ChatWindow): void;
  /** How many chats Telegram has asked to leave alone for now. */
  frozenChats(): number;
  /** The windows of the chats that have changed since the last call, for other processes to learn. */
  takeChanged(): (ChatWindow & { telegramId: number })[];
}

export interface SendBudgetOptions {
  clock?: Clock;
  /** Calls a second over all chats. Default: Telegram's 30; Infinity for no limit. */
  callsPerSecond?: number;
}

/** Above this number of chats, those without recent calls are removed from memory. */
const MANY_CHATS = 1_000;

interface Budget {
  readonly scheduler: Scheduler;
  readonly queues: Map<number, ChatQueue>;
}

/** A budget for one bot. */
export function createSendBudget(options: SendBudgetOptions = {}): SendBudget {
  const { clock = systemClock } = options;
  const scheduler = createScheduler(clock, createOverallAllowance(options.callsPerSecond));
  const budget: Budget = { scheduler, queues: new Map() };
  return {
    take: (chat, priority, signal) => waitForSlot(scheduler, queueOf(budget, chat), { priority, signal }),
    tryTake: (chat, priority) => trySlot(scheduler, queueOf(budget, chat), priority),
    reconsider(chat) {
      const queue = budget.queues.get(chat.telegramId);
      if (queue) serve(scheduler, queue);
    },
    freeze: (chat, seconds) => freeze(budget, chat, seconds),
    share(processes) {
      scheduler.overall.share(processes);
      serveReady(scheduler);
    },
    learn(chat, window) {
      const queue = queueOf(budget, chat);
      queue.allowance.learn(window, clock.now());
      serve(scheduler, queue);
    },
    frozenChats() {
      const now = clock.now();
      return budget.queues.values().reduce((count, { allowance }) => count + Number(allowance.isFrozen(now)), 0);
    },
    takeChanged: () => takeChanged(budget),
  };
}

function queueOf(budget: Budget, { telegramId, isGroup }: BudgetChat): ChatQueue {
  const known = budget.queues.get(telegramId);
  if (known) return known;
  const now = budget.scheduler.clock.now();
  if (budget.queues.size >= MANY_CHATS) removeRested(budget, now);
  const queue = { telegramId, allowance: createChatAllowance({ isGroup, now }), waiting: [], cancelWake: null };
  budget.queues.set(telegramId, queue);
  return queue;
}

function removeRested({ queues }: Budget, now: number): void {
  for (const [id, { waiting, allowance }] of queues) {
    if (waiting.length === 0 && allowance.isRested(now)) queues.delete(id);
  }
}

function freeze(budget: Budget, chat: BudgetChat, seconds: number): void {
  const { changed, clock, overall } = budget.scheduler;
  const queue = queueOf(budget, chat);
  const now = clock.now();
  queue.allowance.freeze(seconds, now);
  overall.refused(chat.telegramId, seconds, now);
  changed.add(chat.telegramId);
  serve(budget.scheduler, queue);
}

function takeChanged({ queues, scheduler }: Budget): (ChatWindow & { telegramId: number })[] {
  const now = scheduler.clock.now();
  const windows = [...scheduler.changed].flatMap((telegramId) => {
    const queue = queues.get(telegramId);
    return queue ? [{ telegramId, ...queue.allowance.window(now) }] : [];
  });
  scheduler.changed.clear();
  return windows;
}
