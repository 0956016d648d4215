/**
 * What may be sent to Telegram, and when: one budget over everything that counts in a chat and over all chats.
 *
 * Whoever wants to send waits for a slot; the text is rendered when the slot is there. Where several wait, the most
 * important goes first, and among equals who has waited longest: so starts and finals pass interim edits, and no chat
 * holds up another. It knows nothing of what is sent. The clock is given, so that a test can drive it.
 */
import { type Clock, systemClock } from "../../telegram/clock.ts";
import {
  type ChatAllowance,
  type ChatWindow,
  createChatAllowance,
  type Priority,
  type StartedCall,
} from "./chat-allowance.ts";
import { createOverallAllowance, type OverallAllowance } from "./overall-allowance.ts";

export type { Priority } from "./chat-allowance.ts";

export interface BudgetChat {
  telegramId: number;
  isGroup: boolean;
}

/** A call that may be made now. One of the two is to be called, once. */
export interface Slot {
  /** The call is over. `isAnswered`: whether Telegram has answered it, however; true when left out. */
  end(isAnswered?: boolean): void;
  /** There was nothing to send after all. */
  giveBack(): void;
}

export interface SendBudget {
  /**
   * Waits for a slot in the chat. `priority` is asked again at `reconsider`: an edit that waits may have become the final
   * one. Rejects with the signal's reason when it aborts.
   */
  take(chat: BudgetChat, priority: () => Priority, signal?: AbortSignal): Promise<Slot>;
  /** A slot if there is one right now and nobody waits for it: for what is not worth waiting. */
  tryTake(chat: BudgetChat, priority: Priority): Slot | null;
  /** A priority may have risen: look at the waiting again. */
  reconsider(chat: BudgetChat): void;
  /** Telegram asked to wait: nothing is sent to the chat until then. */
  freeze(chat: BudgetChat, seconds: number): void;
  /** So many processes send for the bot now, this one among them: each takes its share of what all chats together allow. */
  share(processes: number): void;
  /** What another process has sent to the chat counts as if it had been sent from here. */
  learn(chat: BudgetChat, window: ChatWindow): void;
  /** Chats that Telegram has asked to leave alone for now. */
  frozenChats(): number;
  /** What another process would have to know of the chats where something was sent since the last time. */
  takeChanged(): (ChatWindow & { telegramId: number })[];
}

export interface SendBudgetOptions {
  clock?: Clock;
  /** Calls a second over all chats. Telegram's 30 unless told; Infinity for none. */
  callsPerSecond?: number;
}

const ORDER: readonly Priority[] = ["final", "message", "edit", "typing"];
/** Above so many chats, those that have been idle for long are forgotten. */
const MANY_CHATS = 1_000;

interface Waiter {
  priority(): Priority;
  /** Its place among equals: falls to those who came later. */
  number: number;
  go(slot: Slot): void;
}

interface ChatQueue {
  telegramId: number;
  allowance: ChatAllowance;
  waiting: Waiter[];
  /** Cancels the timer that looks at the chat again. */
  cancelWake: (() => void) | null;
}

interface Budget {
  clock: Clock;
  overall: OverallAllowance;
  cancelOverallWake: (() => void) | null;
  queues: Map<number, ChatQueue>;
  /** Chats whose own allowance lets their first waiter go: only the limit over all chats may hold them up. */
  ready: Set<ChatQueue>;
  /** Ids of the chats whose window has changed. */
  changed: Set<number>;
  waiters: number;
}

/** A budget for one bot. */
export function createSendBudget(options: SendBudgetOptions = {}): SendBudget {
  const budget: Budget = {
    clock: options.clock ?? systemClock,
    overall: createOverallAllowance(options.callsPerSecond),
    cancelOverallWake: null,
    queues: new Map(),
    ready: new Set(),
    changed: new Set(),
    waiters: 0,
  };
  return {
    take: (chat, priority, signal) => take(budget, queueOf(budget, chat), { priority, signal }),
    tryTake(chat, priority) {
      const queue = queueOf(budget, chat);
      const now = budget.clock.now();
      const isFree = queue.waiting.length === 0 && budget.ready.size === 0 && budget.overall.freeAt(now) <= now;
      return isFree && queue.allowance.freeAt(priority, now) <= now ? start(budget, queue) : null;
    },
    reconsider(chat) {
      const queue = budget.queues.get(chat.telegramId);
      if (queue) serve(budget, queue);
    },
    freeze: (chat, seconds) => freeze(budget, chat, seconds),
    share(processes) {
      budget.overall.share(processes);
      serveReady(budget);
    },
    learn(chat, window) {
      const queue = queueOf(budget, chat);
      queue.allowance.learn(window, budget.clock.now());
      serve(budget, queue);
    },
    frozenChats() {
      const now = budget.clock.now();
      return budget.queues.values().reduce((count, { allowance }) => count + Number(allowance.isFrozen(now)), 0);
    },
    takeChanged: () => takeChanged(budget),
  };
}

function queueOf(budget: Budget, { telegramId, isGroup }: BudgetChat): ChatQueue {
  const known = budget.queues.get(telegramId);
  if (known) return known;
  const now = budget.clock.now();
  if (budget.queues.size >= MANY_CHATS) forgetRested(budget, now);
  const queue = { telegramId, allowance: createChatAllowance({ isGroup, now }), waiting: [], cancelWake: null };
  budget.queues.set(telegramId, queue);
  return queue;
}

function forgetRested({ queues }: Budget, now: number): void {
  for (const [id, { waiting, allowance }] of queues) {
    if (waiting.length === 0 && allowance.isRested(now)) queues.delete(id);
  }
}

function take(
  budget: Budget,
  queue: ChatQueue,
  { priority, signal }: { priority: () => Priority; signal: AbortSignal | undefined },
): Promise<Slot> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Slot>();
  budget.waiters += 1;
  const waiter: Waiter = {
    priority,
    number: budget.waiters,
    go(slot) {
      signal?.removeEventListener("abort", onAbort);
      resolve(slot);
    },
  };
  const onAbort = () => {
    queue.waiting = queue.waiting.filter((other) => other !== waiter);
    serve(budget, queue);
    reject(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  queue.waiting.push(waiter);
  serve(budget, queue);
  return promise;
}

/** Something changed in a chat: its first waiter goes now, as soon as the other chats let it, or at a later time. */
function serve(budget: Budget, queue: ChatQueue): void {
  place(budget, queue);
  serveReady(budget);
}

/** Among the ready, or asleep until its allowance lets its first waiter go. */
function place(budget: Budget, queue: ChatQueue): void {
  queue.cancelWake?.();
  queue.cancelWake = null;
  budget.ready.delete(queue);
  const first = firstOf(queue.waiting);
  if (!first) return;
  const now = budget.clock.now();
  const at = queue.allowance.freeAt(first.priority(), now);
  if (at <= now) budget.ready.add(queue);
  else queue.cancelWake = budget.clock.after(at - now, () => serve(budget, queue));
}

/** Lets the ready go, the most important first, as far as the limit over all chats allows. */
function serveReady(budget: Budget): void {
  while (budget.ready.size > 0) {
    const now = budget.clock.now();
    const at = budget.overall.freeAt(now);
    if (at > now) {
      budget.cancelOverallWake?.();
      budget.cancelOverallWake = budget.clock.after(at - now, () => serveReady(budget));
      return;
    }
    const next = firstReady(budget.ready);
    if (!next) return;
    const { queue, waiter } = next;
    queue.waiting = queue.waiting.filter((other) => other !== waiter);
    waiter.go(start(budget, queue));
    place(budget, queue);
  }
}

function firstReady(ready: Set<ChatQueue>): { queue: ChatQueue; waiter: Waiter } | null {
  let best: { queue: ChatQueue; waiter: Waiter } | null = null;
  for (const queue of ready) {
    const waiter = firstOf(queue.waiting);
    if (waiter && (!best || isBefore(waiter, best.waiter))) best = { queue, waiter };
  }
  return best;
}

function firstOf(waiting: readonly Waiter[]): Waiter | undefined {
  let best = waiting[0];
  for (const waiter of waiting) if (best && isBefore(waiter, best)) best = waiter;
  return best;
}

function isBefore(one: Waiter, other: Waiter): boolean {
  const byPriority = ORDER.indexOf(one.priority()) - ORDER.indexOf(other.priority());
  return byPriority < 0 || (byPriority === 0 && one.number < other.number);
}

function start(budget: Budget, queue: ChatQueue): Slot {
  const { allowance } = queue;
  const now = budget.clock.now();
  const call: StartedCall = allowance.start(now);
  budget.overall.start(now);
  budget.changed.add(queue.telegramId);
  return {
    end(isAnswered = true) {
      allowance.end(call, budget.clock.now());
      budget.overall.ended(isAnswered, now, budget.clock.now());
      budget.changed.add(queue.telegramId);
      // All may have waited for this one to be answered.
      serveReady(budget);
    },
    giveBack() {
      allowance.undo(call);
      budget.overall.undo(now);
      // Whoever waits sleeps until a later time than it need be now.
      serve(budget, queue);
    },
  };
}

function freeze(budget: Budget, chat: BudgetChat, seconds: number): void {
  const queue = queueOf(budget, chat);
  const now = budget.clock.now();
  queue.allowance.freeze(seconds, now);
  budget.overall.refused(chat.telegramId, seconds, now);
  budget.changed.add(chat.telegramId);
  serve(budget, queue);
}

function takeChanged({ changed, clock, queues }: Budget): (ChatWindow & { telegramId: number })[] {
  const now = clock.now();
  const windows = [...changed].flatMap((telegramId) => {
    const queue = queues.get(telegramId);
    return queue ? [{ telegramId, ...queue.allowance.window(now) }] : [];
  });
  changed.clear();
  return windows;
}
