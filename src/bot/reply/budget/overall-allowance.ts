/**
 * What all chats of a bot together allow: when the next call may start, by those before it. Arithmetic alone; one chat's
 * share is `chat-allowance.ts`'s matter, and who goes first `send-budget.ts`'s.
 *
 * The limit as Telegram's FAQ states it: about 30 messages a second. Times are milliseconds of the budget's clock.
 */
import { FREEZE_MARGIN_MS } from "./chat-allowance.ts";

const TELEGRAM_CALLS_PER_SECOND = 30;
/** A second, and a little longer, for calls that arrive closer together than they were sent. */
const WINDOW_MS = 1_030;

/** So many chats refused within this time: the limit over all chats is meant, and all of them wait. */
const CHATS_OF_A_COMMON_FREEZE = 3;
const COMMON_FREEZE_WINDOW_MS = 1_000;

/** So many calls in a row without an answer: Telegram cannot be reached. All wait, longer each time, and one tries. */
const CALLS_OF_AN_OUTAGE = 3;
const FIRST_OUTAGE_PAUSE_MS = 1_000;
const LONGEST_OUTAGE_PAUSE_MS = 10_000;
/** How long the one that tries may take: a call of which nothing is heard for so long was given up. */
const LONGEST_TRY_MS = 20_000;

export interface OverallAllowance {
  /** The earliest time at which a call may start; not before `now`. */
  freeAt(now: number): number;
  /** A call starts. */
  start(now: number): void;
  /** The call that started then was never made. */
  undo(startedAt: number): void;
  /** The call that started then was answered, however, or was not. */
  ended(isAnswered: boolean, startedAt: number, now: number): void;
  /**
   * So many workers of the bot live and share what it is allowed, this one among them. Whole calls of a second each: nobody
   * knows when the others begin theirs.
   */
  share(workers: number): void;
  /** Telegram asked a chat to wait so many seconds: where several were asked at once, all chats wait. */
  refused(telegramId: number, seconds: number, now: number): void;
}

/** `callsPerSecond`: Telegram's 30 unless told; Infinity for no limit. */
export function createOverallAllowance(callsPerSecond = TELEGRAM_CALLS_PER_SECOND): OverallAllowance {
  let limits = limitsOf(callsPerSecond);
  /** Calls that may count in a window, oldest first. */
  const starts: number[] = [];
  let frozenUntil = Number.NEGATIVE_INFINITY;
  let unanswered = 0;
  /** In a row. The newest began at `pausedAt`. */
  let pauses = 0;
  let pausedAt = Number.NEGATIVE_INFINITY;
  let awayUntil = Number.NEGATIVE_INFINITY;
  let refusals: { telegramId: number; seconds: number; at: number }[] = [];
  return {
    freeAt(now) {
      const longestMs = Math.max(...limits.map(({ windowMs }) => windowMs));
      while (starts[0] !== undefined && starts[0] <= now - longestMs) starts.shift();
      const blockedUntil = limits.map(
        ({ calls, windowMs }) => (starts.at(-calls) ?? Number.NEGATIVE_INFINITY) + windowMs,
      );
      return Math.max(now, frozenUntil, awayUntil, ...blockedUntil);
    },
    start(now) {
      starts.push(now);
      if (unanswered >= CALLS_OF_AN_OUTAGE) awayUntil = now + LONGEST_TRY_MS;
    },
    undo(startedAt) {
      const index = starts.lastIndexOf(startedAt);
      if (index >= 0) starts.splice(index, 1);
      // It was to try, and did not.
      if (unanswered >= CALLS_OF_AN_OUTAGE) awayUntil = startedAt;
    },
    ended(isAnswered, startedAt, now) {
      if (isAnswered) {
        unanswered = 0;
        pauses = 0;
        awayUntil = Number.NEGATIVE_INFINITY;
        return;
      }
      // Calls that were under way together tell of one fault: it is waited for once.
      if (startedAt <= pausedAt) return;
      unanswered += 1;
      if (unanswered < CALLS_OF_AN_OUTAGE) return;
      awayUntil = now + Math.min(FIRST_OUTAGE_PAUSE_MS * 2 ** pauses, LONGEST_OUTAGE_PAUSE_MS);
      pausedAt = now;
      pauses += 1;
    },
    share(workers) {
      limits = limitsOf(callsPerSecond / Math.max(1, workers));
    },
    refused(telegramId, seconds, now) {
      refusals = refusals.filter(({ at }) => at > now - COMMON_FREEZE_WINDOW_MS);
      refusals.push({ telegramId, seconds, at: now });
      if (new Set(refusals.map((refusal) => refusal.telegramId)).size < CHATS_OF_A_COMMON_FREEZE) return;
      // The shortest of them: a longer one is that chat's own.
      const common = Math.min(...refusals.map((refusal) => refusal.seconds));
      frozenUntil = Math.max(frozenUntil, now + common * 1000 + FREEZE_MARGIN_MS);
    },
  };
}

/** At most so many calls start in any window of that length. */
interface WindowLimit {
  calls: number;
  windowMs: number;
}

/** Half of a second's calls in half a second: bursts stay small enough to arrive within the limit however they are counted. */
function limitsOf(callsPerSecond: number): WindowLimit[] {
  // Less than one a second: one in a longer time.
  if (callsPerSecond < 1) return [{ calls: 1, windowMs: WINDOW_MS / callsPerSecond }];
  const calls = Math.floor(callsPerSecond);
  return [
    { calls: Math.ceil(calls / 2), windowMs: WINDOW_MS / 2 },
    { calls, windowMs: WINDOW_MS },
  ];
}
