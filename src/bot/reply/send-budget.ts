/**
 * What may be sent to Telegram, and when: one budget for everything that counts in a chat, and one over all chats.
 *
 * Whoever wants to send waits for a slot; the text is rendered when the slot is there. A waiting final goes first, typing
 * last. After a 429 the chat is frozen until the window has passed: nothing at all is sent inside it. It knows nothing of
 * what is sent. The clock is given, so a test can drive it.
 *
 * Limits as Telegram's FAQ states them: about one message a second in a chat (short bursts pass), 20 a minute in a
 * group, about 30 a second over all. Edits and typing count.
 */

/** In falling order of importance. */
export type Priority = "final" | "message" | "edit" | "typing";

export interface BudgetChat {
  telegramId: number;
  isGroup: boolean;
}

export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Calls back once after `delayMs`. */
  after(delayMs: number, callback: () => void): void;
}

export interface SendBudget {
  /**
   * Waits for a slot in the chat and takes it. `priority` is asked again whenever it matters: an edit that waits may
   * have become the final one. Rejects with the signal's reason when it aborts.
   */
  take(chat: BudgetChat, priority: () => Priority, signal?: AbortSignal): Promise<void>;
  /** Takes a slot if there is one right now. For what is not worth waiting. */
  tryTake(chat: BudgetChat, priority: Priority): boolean;
  /** A priority may have risen: look at the waiting again. */
  reconsider(chat: BudgetChat): void;
  /** Telegram asked to wait: nothing is sent to the chat until then. */
  freeze(chat: BudgetChat, seconds: number): void;
}

/** Start to start in one chat, in milliseconds: a little over the second that Telegram counts in. */
const CHAT_INTERVAL_MS = 1_030;
/** Calls that may follow each other in a chat that was idle, as Telegram tolerates them. */
const BURST = 3;
/**
 * What of the burst is never spent, in milliseconds: calls do not arrive as evenly as they were sent, and one that was
 * late by less than this makes none of those behind it too early.
 */
const JITTER_MS = 100;
const MOST_CREDIT_MS = BURST * CHAT_INTERVAL_MS - JITTER_MS;
/** Slots of the burst that are left alone by calls of each priority, so that a final never waits for them. */
const KEPT_FREE: Record<Priority, number> = { final: 0, message: 0, edit: 1, typing: 1 };

const GROUP_WINDOW_MS = 60_000;
const GROUP_LIMIT = 20;
/** Credits of a group's minute that are left alone: three for finals, one of them for new messages too. */
const GROUP_KEPT_FREE: Record<Priority, number> = { final: 0, message: 1, edit: 3, typing: 6 };

const OVERALL_WINDOW_MS = 1_000;
/** Below Telegram's 30, for calls that arrive closer together than they were sent. */
const OVERALL_LIMIT = 28;

/** Added to Telegram's `retry_after`, in milliseconds: its clock and ours are not the same. */
const FREEZE_MARGIN_MS = 100;

const ORDER: readonly Priority[] = ["final", "message", "edit", "typing"];
const IDLE_CHAT_MS = 120_000;

interface Waiter {
  priority(): Priority;
  go(): void;
}

interface ChatState {
  chat: BudgetChat;
  /** Grows with time; a call costs `CHAT_INTERVAL_MS` of it. As of `countedAt`. */
  creditMs: number;
  countedAt: number;
  frozenUntil: number;
  /** Starts of the calls of the last minute; groups only. */
  starts: number[];
  waiting: Waiter[];
  wakeAt: number;
}

/** A budget for one bot. */
export function createSendBudget(clock: Clock = systemClock): SendBudget {
  const chats = new Map<number, ChatState>();
  const overall: number[] = [];

  const stateOf = (chat: BudgetChat): ChatState => {
    let state = chats.get(chat.telegramId);
    if (!state) {
      forgetIdle(chats, clock.now());
      const now = clock.now();
      state = {
        chat,
        creditMs: MOST_CREDIT_MS,
        countedAt: now,
        frozenUntil: 0,
        starts: [],
        waiting: [],
        wakeAt: Infinity,
      };
      chats.set(chat.telegramId, state);
    }
    return state;
  };
  const spend = (state: ChatState) => {
    const now = clock.now();
    state.creditMs -= CHAT_INTERVAL_MS;
    if (state.chat.isGroup) state.starts.push(now);
    overall.push(now);
  };
  const wake = (state: ChatState, at: number) => {
    if (at >= state.wakeAt) return;
    state.wakeAt = at;
    clock.after(Math.max(at - clock.now(), 1), () => {
      if (state.wakeAt === at) state.wakeAt = Infinity;
      serve(state);
    });
  };
  const serve = (state: ChatState) => {
    while (state.waiting.length > 0) {
      const waiter = mostImportant(state.waiting);
      const at = freeAt(state, overall, waiter.priority(), clock.now());
      if (at > clock.now()) return wake(state, at);
      state.waiting.splice(state.waiting.indexOf(waiter), 1);
      spend(state);
      waiter.go();
    }
  };

  return {
    take(chat, priority, signal) {
      signal?.throwIfAborted();
      const state = stateOf(chat);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => {
        state.waiting = state.waiting.filter((other) => other !== waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        priority,
        go() {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      state.waiting.push(waiter);
      serve(state);
      return promise;
    },
    tryTake(chat, priority) {
      const state = stateOf(chat);
      if (state.waiting.length > 0 || freeAt(state, overall, priority, clock.now()) > clock.now()) return false;
      spend(state);
      return true;
    },
    reconsider: (chat) => serve(stateOf(chat)),
    freeze(chat, seconds) {
      const state = stateOf(chat);
      state.frozenUntil = Math.max(state.frozenUntil, clock.now() + seconds * 1000 + FREEZE_MARGIN_MS);
    },
  };
}

/** The earliest time at which a call of this priority may start. */
function freeAt(state: ChatState, overall: number[], priority: Priority, now: number): number {
  refill(state, now);
  const missingMs = (1 + KEPT_FREE[priority]) * CHAT_INTERVAL_MS - state.creditMs;
  const chatAt = now + Math.max(0, Math.ceil(missingMs));
  const groupAt = state.chat.isGroup
    ? windowFreeAt(state.starts, { now, windowMs: GROUP_WINDOW_MS, limit: GROUP_LIMIT - GROUP_KEPT_FREE[priority] })
    : now;
  const overallAt = windowFreeAt(overall, { now, windowMs: OVERALL_WINDOW_MS, limit: OVERALL_LIMIT });
  return Math.max(chatAt, groupAt, overallAt, state.frozenUntil);
}

function refill(state: ChatState, now: number): void {
  state.creditMs = Math.min(MOST_CREDIT_MS, state.creditMs + now - state.countedAt);
  state.countedAt = now;
}

/** When fewer than `limit` starts lie in the window that ends then. Forgets starts that count no more. */
function windowFreeAt(
  starts: number[],
  { now, windowMs, limit }: { now: number; windowMs: number; limit: number },
): number {
  while (starts[0] !== undefined && starts[0] <= now - windowMs) starts.shift();
  if (starts.length < limit) return now;
  const blocking = starts[starts.length - limit];
  return blocking === undefined ? now : blocking + windowMs + 1;
}

function mostImportant(waiting: Waiter[]): Waiter {
  return waiting.reduce((best, other) =>
    ORDER.indexOf(other.priority()) < ORDER.indexOf(best.priority()) ? other : best,
  );
}

function forgetIdle(chats: Map<number, ChatState>, now: number): void {
  if (chats.size < 1_000) return;
  for (const [id, state] of chats) {
    const isIdle = state.waiting.length === 0 && state.frozenUntil < now && state.countedAt < now - IDLE_CHAT_MS;
    if (isIdle) chats.delete(id);
  }
}

const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, callback) => void setTimeout(callback, delayMs).unref(),
};
