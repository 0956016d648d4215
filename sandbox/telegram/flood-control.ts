/**
 * Telegram's flood control: rate limits per private chat, per group, and over all chats.
 *
 * After a 429 the chat is frozen until `retry_after` has passed. The caller says which methods count. The figures, and that
 * calls during a freeze extend it, follow core.telegram.org/bots/faq and reports of bot operators.
 */
import { tooManyRequests } from "./refusal.ts";

export interface Limits {
  /** Sustained rate of one private chat. Default 1. */
  privatePerSecond: number;
  /** Calls to one private chat that may come at once after a pause. Default 3. */
  privateBurst: number;
  /** Calls to one group in any 60 seconds. Default 20. */
  groupPerMinute: number;
  /** Calls over all chats, also the burst. Default 30. */
  overallPerSecond: number;
}

export interface LimitCounts {
  /** Counted calls that were accepted. */
  accepted: number;
  /** Calls answered with 429, including those during a freeze. */
  refused: number;
  /** Calls made during a freeze that an earlier 429 had announced. A well-behaved bot has 0. */
  insideWindow: number;
}

interface LimitedChat {
  id: number;
  type: "private" | "group" | "supergroup";
}

export interface FloodControl {
  /** Accepts a call or throws 429. An uncounted call is refused only while its chat is frozen. */
  check(chat: LimitedChat, isCounted: boolean): void;
  /** Answers every call to the chat with 429 for `seconds`. */
  freeze(chat: LimitedChat, seconds: number): void;
  /** The counts of one chat, or of all chats. */
  counts(chatId?: number): LimitCounts;
}

export const TELEGRAM_LIMITS: Limits = {
  privatePerSecond: 1,
  privateBurst: 3,
  groupPerMinute: 20,
  overallPerSecond: 30,
};

/** How much a call during an announced freeze extends it: operators report freezes that grow from seconds to hours. */
const EXTENSION_MS = 1_000;

export function createFloodControl(limits: Limits | "none", now: () => number): FloodControl {
  const overall = createBudget(
    limits === "none" ? unlimited : tokenBucket(limits.overallPerSecond, limits.overallPerSecond),
  );
  const total = zeroCounts();
  const budgets = new Map<number, Budget>();
  const budgetOf = (chat: LimitedChat) => {
    const budget = budgets.get(chat.id) ?? createBudget(limits === "none" ? unlimited : chatLimit(chat, limits));
    budgets.set(chat.id, budget);
    return budget;
  };
  return {
    check(chat, isCounted) {
      const budget = budgetOf(chat);
      const decision = isCounted ? spend([budget, overall], now()) : checkFreeze([budget], now());
      for (const counts of [budget.counts, total]) count(counts, decision, isCounted);
      if (decision.retryAfterMs > 0) throw tooManyRequests(Math.ceil(decision.retryAfterMs / 1_000));
    },
    freeze(chat, seconds) {
      const budget = budgetOf(chat);
      budget.frozenUntilMs = Math.max(budget.frozenUntilMs, now() + seconds * 1_000);
      budget.isFreezeAnnounced = false;
    },
    counts: (chatId) => ({ ...(chatId === undefined ? total : (budgets.get(chatId)?.counts ?? zeroCounts())) }),
  };
}

interface Budget {
  limit: Limit;
  frozenUntilMs: number;
  /** Whether a 429 has announced the freeze. The call that gets this 429 is not the bot's mistake. */
  isFreezeAnnounced: boolean;
  counts: LimitCounts;
}

interface Limit {
  /** Milliseconds until one more call is allowed; 0 means now. */
  waitMs(nowMs: number): number;
  spend(nowMs: number): void;
}

interface Decision {
  /** 0 when the call is accepted. */
  retryAfterMs: number;
  wasDuringAnnouncedFreeze: boolean;
}

const unlimited: Limit = { waitMs: () => 0, spend: () => undefined };

function createBudget(limit: Limit): Budget {
  return { limit, frozenUntilMs: 0, isFreezeAnnounced: false, counts: zeroCounts() };
}

function zeroCounts(): LimitCounts {
  return { accepted: 0, refused: 0, insideWindow: 0 };
}

function chatLimit(chat: LimitedChat, limits: Limits): Limit {
  if (chat.type === "private") return tokenBucket(limits.privatePerSecond, limits.privateBurst);
  return slidingMinute(limits.groupPerMinute);
}

/** A token bucket, stored as the time when it is full again, so that no fraction of a token is rounded. */
function tokenBucket(perSecond: number, burst: number): Limit {
  const intervalMs = 1_000 / perSecond;
  let fullAtMs = 0;
  return {
    waitMs: (nowMs) => Math.max(0, fullAtMs - nowMs - (burst - 1) * intervalMs),
    spend: (nowMs) => {
      fullAtMs = Math.max(fullAtMs, nowMs) + intervalMs;
    },
  };
}

/** At most `size` calls in any 60 seconds. A token bucket would allow almost twice as many. */
function slidingMinute(size: number): Limit {
  let spentAtMs: number[] = [];
  return {
    waitMs: (nowMs) => {
      spentAtMs = spentAtMs.filter((atMs) => atMs > nowMs - 60_000);
      const oldest = spentAtMs.at(-size);
      return oldest === undefined ? 0 : oldest + 60_000 - nowMs;
    },
    spend: (nowMs) => void spentAtMs.push(nowMs),
  };
}

/** Spends one call of every budget, or freezes the exhausted ones. */
function spend(budgets: Budget[], nowMs: number): Decision {
  const decision = checkFreeze(budgets, nowMs);
  if (decision.retryAfterMs > 0) return decision;
  for (const budget of budgets) {
    const waitMs = budget.limit.waitMs(nowMs);
    if (waitMs === 0) continue;
    // `retry_after` is in whole seconds, and the freeze lasts until the end of the last one.
    budget.frozenUntilMs = nowMs + Math.ceil(waitMs / 1_000) * 1_000;
    budget.isFreezeAnnounced = true;
  }
  const retryAfterMs = longestFreezeMs(budgets, nowMs);
  if (retryAfterMs === 0) for (const budget of budgets) budget.limit.spend(nowMs);
  return { retryAfterMs, wasDuringAnnouncedFreeze: false };
}

/** Extends announced freezes, and marks all current freezes as announced. */
function checkFreeze(budgets: Budget[], nowMs: number): Decision {
  const frozen = budgets.filter((budget) => budget.frozenUntilMs > nowMs);
  const announced = frozen.filter((budget) => budget.isFreezeAnnounced);
  for (const budget of announced) budget.frozenUntilMs += EXTENSION_MS;
  for (const budget of frozen) budget.isFreezeAnnounced = true;
  return { retryAfterMs: longestFreezeMs(frozen, nowMs), wasDuringAnnouncedFreeze: announced.length > 0 };
}

function longestFreezeMs(budgets: Budget[], nowMs: number): number {
  return Math.max(0, ...budgets.map((budget) => budget.frozenUntilMs - nowMs));
}

function count(counts: LimitCounts, decision: Decision, isCounted: boolean): void {
  if (decision.retryAfterMs > 0) counts.refused += 1;
  else if (isCounted) counts.accepted += 1;
  if (decision.wasDuringAnnouncedFreeze) counts.insideWindow += 1;
}
