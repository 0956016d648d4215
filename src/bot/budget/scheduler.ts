/**
 * Gives slots to waiting calls: each as soon as the limit of its chat and the limit over all chats allow it, in the order of
 * `chat-queue.ts`.
 */

import { type ChatQueue, firstOf, firstWaiter, removeWaiter, type Slot, type Waiter } from "./chat-queue.ts";
import type { Clock } from "./clock.ts";
import type { OverallAllowance } from "./overall-allowance.ts";
import type { Priority } from "./priority.ts";

export interface Scheduler {
  readonly clock: Clock;
  readonly overall: OverallAllowance;
  /** Chats whose own limit allows a call now: only the limit over all chats may delay them. */
  readonly ready: Set<ChatQueue>;
  /** Ids of the chats whose rate window has changed. */
  readonly changed: Set<number>;
  cancelOverallWake: (() => void) | null;
  /** Number of the newest waiter. */
  newestWaiter: number;
}

export function createScheduler(clock: Clock, overall: OverallAllowance): Scheduler {
  return { clock, overall, ready: new Set(), changed: new Set(), cancelOverallWake: null, newestWaiter: 0 };
}

/** Waits for a slot. Rejects with the signal's reason when it aborts. */
export function waitForSlot(
  scheduler: Scheduler,
  queue: ChatQueue,
  { priority, signal }: { priority: () => Priority; signal: AbortSignal | undefined },
): Promise<Slot> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Slot>();
  scheduler.newestWaiter += 1;
  const waiter: Waiter = {
    priority,
    number: scheduler.newestWaiter,
    go(slot) {
      signal?.removeEventListener("abort", onAbort);
      resolve(slot);
    },
  };
  const onAbort = () => {
    removeWaiter(queue, waiter);
    serve(scheduler, queue);
    reject(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  queue.waiting.push(waiter);
  serve(scheduler, queue);
  return promise;
}

/** A slot if one is free and no call waits for it; else null. */
export function trySlot(scheduler: Scheduler, queue: ChatQueue, priority: Priority): Slot | null {
  const { clock, overall, ready } = scheduler;
  const now = clock.now();
  const isFree = queue.waiting.length === 0 && ready.size === 0 && overall.freeAt(now) <= now;
  return isFree && queue.allowance.freeAt(priority, now) <= now ? startCall(scheduler, queue) : null;
}

/** Reconsiders a chat after a change: its first waiter goes now, or at a later time. */
export function serve(scheduler: Scheduler, queue: ChatQueue): void {
  updateReady(scheduler, queue);
  serveReady(scheduler);
}

/** Marks the chat as ready, or sets a timer for the moment when its limit allows the next call. */
function updateReady(scheduler: Scheduler, queue: ChatQueue): void {
  queue.cancelWake?.();
  queue.cancelWake = null;
  scheduler.ready.delete(queue);
  const first = firstWaiter(queue);
  if (!first) return;
  const now = scheduler.clock.now();
  const freeAt = queue.allowance.freeAt(first.priority(), now);
  if (freeAt <= now) scheduler.ready.add(queue);
  else queue.cancelWake = scheduler.clock.after(freeAt - now, () => serve(scheduler, queue));
}

/** Gives slots to the ready chats, as far as the limit over all chats allows. */
export function serveReady(scheduler: Scheduler): void {
  const { clock, overall, ready } = scheduler;
  while (ready.size > 0) {
    const now = clock.now();
    const freeAt = overall.freeAt(now);
    if (freeAt > now) {
      scheduler.cancelOverallWake?.();
      scheduler.cancelOverallWake = clock.after(freeAt - now, () => serveReady(scheduler));
      return;
    }
    const next = firstOf(ready);
    if (!next) return;
    const { queue, waiter } = next;
    removeWaiter(queue, waiter);
    waiter.go(startCall(scheduler, queue));
    updateReady(scheduler, queue);
  }
}

function startCall(scheduler: Scheduler, queue: ChatQueue): Slot {
  const { changed, clock, overall } = scheduler;
  const { allowance, telegramId } = queue;
  const startedAt = clock.now();
  const call = allowance.start(startedAt);
  overall.start(startedAt);
  changed.add(telegramId);
  return {
    end(isAnswered = true) {
      allowance.end(call, clock.now());
      overall.end(isAnswered, startedAt, clock.now());
      changed.add(telegramId);
      // During an outage, all chats wait for the end of this call.
      serveReady(scheduler);
    },
    giveBack() {
      allowance.undo(call);
      overall.undo(startedAt);
      // The chat's timer is now set for later than necessary.
      serve(scheduler, queue);
    },
  };
}
