/**
 * The rate limit over all chats of a bot: when the next call may start, given the calls before it. Pure arithmetic;
 * `chat-allowance.ts` has the limit of one chat, and `scheduler.ts` decides who goes first.
 *
 * Telegram's FAQ states about 30 messages a second. All times are milliseconds of the budget's clock.
 */
import { FREEZE_MARGIN_MS } from "./chat-allowance.ts";
import { createOutagePause } from "./outage-pause.ts";

const TELEGRAM_CALLS_PER_SECOND = 30;
/** A second and a little more, for calls that arrive closer together than they were sent. */
const WINDOW_MS = 1_030;

/** If Telegram asks this many chats to wait within this time, it means all chats, and all of them wait. */
const COMMON_FREEZE_CHATS = 3;
const COMMON_FREEZE_WINDOW_MS = 1_000;

export interface OverallAllowance {
  /** The earliest time at which a call may start; `now` or later. */
  freeAt(now: number): number;
  /** A call starts. */
  start(now: number): void;
  /** The call that started then was never made. */
  undo(startedAt: number): void;
  /** The call that started then is over. `isAnswered`: whether Telegram answered it in any way. */
  end(isAnswered: boolean, startedAt: number, now: number): void;
  /** `workers` processes of the bot share the limit, this one included. */
  share(workers: number): void;
  /** Telegram asked a chat to wait. */
  refused(telegramId: number, seconds: number, now: number): void;
}

/** @param callsPerSecond default: Telegram's 30; Infinity for no limit */
export function createOverallAllowance(callsPerSecond = TELEGRAM_CALLS_PER_SECOND): OverallAllowance {
  const outage = createOutagePause();
  const commonFreeze = createCommonFreeze();
  let limits = limitsOf(callsPerSecond);
  /** Starts of the calls that may count in a window, the oldest first. */
  const starts: number[] = [];
  return {
    freeAt(now) {
      const longestMs = Math.max(...limits.map(({ windowMs }) => windowMs));
      while (starts[0] !== undefined && starts[0] <= now - longestMs) starts.shift();
      const limitedUntil = limits.map(
        ({ calls, windowMs }) => (starts.at(-calls) ?? Number.NEGATIVE_INFINITY) + windowMs,
      );
      return Math.max(now, commonFreeze.until(), outage.until(), ...limitedUntil);
    },
    start(now) {
      starts.push(now);
      outage.start(now);
    },
    undo(startedAt) {
      const index = starts.lastIndexOf(startedAt);
      if (index >= 0) starts.splice(index, 1);
      outage.undo(startedAt);
    },
    end: outage.end,
    share(workers) {
      limits = limitsOf(callsPerSecond / Math.max(1, workers));
    },
    refused: commonFreeze.refused,
  };
}

/** Freezes all chats when several of them are refused at once. */
function createCommonFreeze() {
  let frozenUntil = Number.NEGATIVE_INFINITY;
  let refusals: { telegramId: number; seconds: number; at: number }[] = [];
  return {
    until: () => frozenUntil,
    refused(telegramId: number, seconds: number, now: number): void {
      refusals = refusals.filter(({ at }) => at > now - COMMON_FREEZE_WINDOW_MS);
      refusals.push({ telegramId, seconds, at: now });
      if (new Set(refusals.map((refusal) => refusal.telegramId)).size < COMMON_FREEZE_CHATS) return;
      // The shortest one: a longer one is specific to its chat.
      const shortest = Math.min(...refusals.map((refusal) => refusal.seconds));
      frozenUntil = Math.max(frozenUntil, now + shortest * 1000 + FREEZE_MARGIN_MS);
    },
  };
}

/** At most `calls` calls start in any window of this length. */
interface WindowLimit {
  calls: number;
  windowMs: number;
}

/**
 * Whole calls only, because no process knows when the others start theirs. Half of a second's calls per half second, so that
 * bursts stay within the limit, however Telegram counts them.
 */
function limitsOf(callsPerSecond: number): WindowLimit[] {
  // Less than one call a second: one call in a longer window.
  if (callsPerSecond < 1) return [{ calls: 1, windowMs: WINDOW_MS / callsPerSecond }];
  const calls = Math.floor(callsPerSecond);
  return [
    { calls: Math.ceil(calls / 2), windowMs: WINDOW_MS / 2 },
    { calls, windowMs: WINDOW_MS },
  ];
}
