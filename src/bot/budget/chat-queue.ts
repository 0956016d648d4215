/** The calls of one chat that wait for a slot, and which of the waiting calls goes first. */
import type { ChatAllowance } from "./chat-allowance.ts";
import { PRIORITIES, type Priority } from "./priority.ts";

/** Permission to make one call now. Exactly one of the two methods must be called, once. */
export interface Slot {
  /** The call is over. `isAnswered`: whether Telegram answered it in any way. Default: true. */
  end(isAnswered?: boolean): void;
  /** The call was not made. */
  giveBack(): void;
}

export interface Waiter {
  priority(): Priority;
  /** Ascending in order of arrival. */
  number: number;
  go(slot: Slot): void;
}

export interface ChatQueue {
  readonly telegramId: number;
  readonly allowance: ChatAllowance;
  waiting: Waiter[];
  /** Cancels the timer that checks the chat again. */
  cancelWake: (() => void) | null;
}

/** The most important waiter of a chat; among equals, the one that has waited longest. */
export function firstWaiter({ waiting }: ChatQueue): Waiter | undefined {
  let best = waiting[0];
  for (const waiter of waiting) if (best && isBefore(waiter, best)) best = waiter;
  return best;
}

/** The same over several chats. */
export function firstOf(queues: Iterable<ChatQueue>): { queue: ChatQueue; waiter: Waiter } | null {
  let best: { queue: ChatQueue; waiter: Waiter } | null = null;
  for (const queue of queues) {
    const waiter = firstWaiter(queue);
    if (waiter && (!best || isBefore(waiter, best.waiter))) best = { queue, waiter };
  }
  return best;
}

export function removeWaiter(queue: ChatQueue, waiter: Waiter): void {
  queue.waiting = queue.waiting.filter((other) => other !== waiter);
}

function isBefore(one: Waiter, other: Waiter): boolean {
  const byPriority = PRIORITIES.indexOf(one.priority()) - PRIORITIES.indexOf(other.priority());
  return byPriority < 0 || (byPriority === 0 && one.number < other.number);
}
