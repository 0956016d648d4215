/**
 * What one chat allows: when the next call of some importance may start, by the calls before it. Arithmetic alone; who
 * waits, and the limit over all chats, are `send-budget.ts`'s matter.
 *
 * Limits as Telegram's FAQ states them: about one message a second in a chat (short bursts pass), 20 a minute in a
 * group. Edits and typing count. Times are milliseconds of the budget's clock.
 */

/** In falling order of importance. */
export type Priority = "final" | "message" | "edit" | "typing";

/** Start to start in one chat: a little over the second that Telegram counts in. */
const INTERVAL_MS = 1_030;
/** Calls that may follow each other in a chat that was idle, as Telegram tolerates them. */
const BURST = 3;
/**
 * What of the burst is never spent: calls do not arrive as evenly as they were sent, and one that was late by less than
 * this makes none of those behind it too early.
 */
const JITTER_MS = 100;
const MOST_CREDIT_MS = BURST * INTERVAL_MS - JITTER_MS;
/** Slots of the burst that are left alone by calls of each priority, so that a final never waits for them. */
const KEPT_FREE: Record<Priority, number> = { final: 0, message: 0, edit: 1, typing: 1 };
/** Start to start of edits while there is credit: the first words grow soon, and it lasts for more than one of them. */
const EDIT_SPACING_MS = 500;

const GROUP_WINDOW_MS = 60_000;
const GROUP_LIMIT = 20;
/** Calls of a group's minute that are left alone: three for finals, one of them for new messages too. */
const GROUP_KEPT_FREE: Record<Priority, number> = { final: 0, message: 1, edit: 3, typing: 8 };
/**
 * The last edits of a group's minute are spread over what is left of it: a reply of ten seconds streams at full speed, and
 * a longer one goes on growing instead of standing still.
 */
const GROUP_SPREAD_EDITS = 5;
/** How long a call may be on its way: one that nobody ends counts for so long. */
const LONGEST_CALL_MS = 20_000;

/** Added to Telegram's `retry_after`: its clock and ours are not the same. */
export const FREEZE_MARGIN_MS = 100;
/** How much slower a chat gets by each 429, at most how slow, and how fast it recovers by each call that passes. */
const SLOWDOWN = 1.5;
const SLOWEST = 4;
const RECOVERY = 0.95;

/** One call of a chat that has begun. */
export interface StartedCall {
  readonly startedAt: number;
  /** Until when Telegram may count it in a group's minute. */
  countsUntil: number;
}

export interface ChatAllowance {
  /** The earliest time at which a call of this priority may start; not before `now`. */
  freeAt(priority: Priority, now: number): number;
  /** A call starts. */
  start(now: number): StartedCall;
  /** It was answered, however. */
  end(call: StartedCall, now: number): void;
  /** It was never made. */
  undo(call: StartedCall): void;
  /** Telegram asked to wait so many seconds: nothing at all may start until then, and afterwards less than before. */
  freeze(seconds: number, now: number): void;
  /** Whether Telegram has asked to send nothing for now. */
  isFrozen(now: number): boolean;
  /** What another process has to know to go on from here. */
  window(now: number): ChatWindow;
  /** What another process has done here: it counts as if it had been done by this one. */
  learn(window: ChatWindow, now: number): void;
  /** Whether nothing of the past matters any more. */
  isRested(now: number): boolean;
}

/** Ages and durations in milliseconds, so that it can be handed from one clock to another. */
export interface ChatWindow {
  /** How long ago each call began that may still count, oldest first. */
  callAgesMs: number[];
  /** In how many milliseconds there is all of the burst's credit again; 0 for now. */
  restedInMs: number;
  /** For how long nothing at all may start; 0 for now. */
  frozenForMs: number;
}

/** The allowance of a chat of which nothing is known yet. */
export function createChatAllowance({ isGroup, now: createdAt }: { isGroup: boolean; now: number }): ChatAllowance {
  /** Grows with time up to `MOST_CREDIT_MS`; a call costs an interval of it. As of `countedAt`. */
  let creditMs = MOST_CREDIT_MS;
  let countedAt = createdAt;
  let slowness = 1;
  let frozenUntil = Number.NEGATIVE_INFINITY;
  /** Calls that Telegram may count now, oldest first; without a group only the last one. */
  let calls: StartedCall[] = [];

  const refill = (now: number) => {
    creditMs = Math.min(MOST_CREDIT_MS, creditMs + Math.max(0, now - countedAt) / slowness);
    countedAt = Math.max(countedAt, now);
  };
  const creditAt = (priority: Priority, now: number) => {
    const missingMs = (1 + KEPT_FREE[priority]) * INTERVAL_MS - creditMs;
    return now + Math.max(0, Math.ceil(missingMs * slowness));
  };
  const spacedAt = (priority: Priority, now: number) => {
    const last = calls.at(-1);
    return last && priority === "edit" ? Math.max(now, last.startedAt + EDIT_SPACING_MS) : now;
  };

  return {
    freeAt(priority, now) {
      refill(now);
      if (isGroup) calls = calls.filter(({ countsUntil }) => countsUntil > now);
      const groupAt = isGroup ? minuteFreeAt(calls, priority, now) : now;
      return Math.max(frozenUntil, creditAt(priority, now), spacedAt(priority, now), groupAt);
    },
    start(now) {
      refill(now);
      creditMs -= INTERVAL_MS;
      const call = { startedAt: now, countsUntil: now + LONGEST_CALL_MS + GROUP_WINDOW_MS };
      calls = isGroup ? [...calls, call] : [call];
      return call;
    },
    end(call, now) {
      refill(now);
      call.countsUntil = now + GROUP_WINDOW_MS;
      // When it arrived, Telegram's own count was full at most: time on the way before that has earned nothing.
      if (frozenUntil <= now) creditMs = Math.min(creditMs, MOST_CREDIT_MS - INTERVAL_MS);
      slowness = Math.max(1, slowness * RECOVERY);
    },
    undo(call) {
      calls = calls.filter((other) => other !== call);
      creditMs = Math.min(MOST_CREDIT_MS, creditMs + INTERVAL_MS);
    },
    freeze(seconds, now) {
      refill(now);
      frozenUntil = Math.max(frozenUntil, now + seconds * 1000 + FREEZE_MARGIN_MS);
      slowness = Math.min(SLOWEST, slowness * SLOWDOWN);
      // After the window one edit may go out at once and a final behind it, but no burst.
      creditMs = 2 * INTERVAL_MS;
      countedAt = frozenUntil;
    },
    isFrozen: (now) => now < frozenUntil,
    window: (now) => ({
      callAgesMs: calls.map((call) => now - callCountedAt(call)).filter((ageMs) => ageMs < GROUP_WINDOW_MS),
      restedInMs: Math.max(0, Math.ceil((MOST_CREDIT_MS - creditMs) * slowness) - (now - countedAt)),
      frozenForMs: Math.max(0, frozenUntil - now),
    }),
    learn({ callAgesMs, restedInMs, frozenForMs }, now) {
      const heard = callAgesMs.map((ageMs) => ({ startedAt: now - ageMs, countsUntil: now - ageMs + GROUP_WINDOW_MS }));
      const newest = heard.at(-1)?.startedAt ?? Number.NEGATIVE_INFINITY;
      calls = [...heard, ...calls.filter(({ startedAt }) => startedAt > newest)];
      refill(now);
      frozenUntil = Math.max(frozenUntil, now + frozenForMs);
      creditMs = Math.min(creditMs, MOST_CREDIT_MS - Math.max(0, restedInMs - frozenForMs));
      // After a window one edit may go out at once and a final behind it, but no burst.
      if (frozenUntil > now) [creditMs, countedAt] = [Math.min(creditMs, 2 * INTERVAL_MS), frozenUntil];
    },
    isRested: (now) => now > frozenUntil && now - (calls.at(-1)?.startedAt ?? createdAt) > 2 * GROUP_WINDOW_MS,
  };
}

/** From when on Telegram counts a call: its answer, where that is known. */
function callCountedAt({ startedAt, countsUntil }: StartedCall): number {
  const isUnderWay = countsUntil === startedAt + LONGEST_CALL_MS + GROUP_WINDOW_MS;
  return isUnderWay ? startedAt : countsUntil - GROUP_WINDOW_MS;
}

/** When a group's minute has room for a call of this priority. */
function minuteFreeAt(calls: readonly StartedCall[], priority: Priority, now: number): number {
  const free = GROUP_LIMIT - GROUP_KEPT_FREE[priority] - calls.length;
  // Calls may be answered in another order than they began.
  const leaving = calls.map(({ countsUntil }) => countsUntil).sort((a, b) => a - b);
  if (free <= 0) return (leaving[-free] ?? now) + 1;
  const oldest = leaving[0];
  const last = calls.at(-1);
  if (priority !== "edit" || free > GROUP_SPREAD_EDITS || oldest === undefined || last === undefined) return now;
  return last.startedAt + (oldest - last.startedAt) / (free + 1);
}
