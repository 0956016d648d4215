/**
 * Telegram's rate limits: per private chat, per group, and over all chats.
 *
 * Owns the budgets, the frozen windows and their counts. It does not know which methods count; the caller says so.
 * Figures and the lengthening of a window follow core.telegram.org/bots/faq and what bot operators report.
 */
import { tooManyRequests } from "./refusal.ts";

export interface Limits {
  /** Sustained rate of one private chat. Default 1. */
  privatePerSecond: number;
  /** Calls that one private chat may make at once after a rest. Default 3. */
  privateBurst: number;
  /** Calls to one group in any 60 seconds. Default 20. */
  groupPerMinute: number;
  /** Calls over all chats, also the burst. Default 30. */
  overallPerSecond: number;
}

export interface LimitCounts {
  /** Counted calls that were let through. */
  accepted: number;
  /** Calls answered with 429, those inside a window included. */
  refused: number;
  /** Calls made in a window that a 429 had told of: a well-behaved bot has 0. */
  insideWindow: number;
}

interface LimitedChat {
  id: number;
  type: "private" | "group" | "supergroup";
}

export interface LimitKeeper {
  /** Lets a call through or throws 429. A call that does not count is refused only while its chat is frozen. */
  check(chat: LimitedChat, isCounted: boolean): void;
  /** From now on, and for `seconds`, every call of the chat is answered with 429. */
  freeze(chat: LimitedChat, seconds: number): void;
  /** Of one chat, or of everything. */
  counts(chatId?: number): LimitCounts;
}

export const TELEGRAM_LIMITS: Limits = {
  privatePerSecond: 1,
  privateBurst: 3,
  groupPerMinute: 20,
  overallPerSecond: 30,
};

/** What a call inside an open window adds to it: reports speak of windows that grow from seconds to hours. */
const LENGTHEN_MS = 1_000;

export function createLimitKeeper(limits: Limits | "none", now: () => number): LimitKeeper {
  const overall = createAccount(limits === "none" ? unlimited : rate(limits.overallPerSecond, limits.overallPerSecond));
  const total = noCalls();
  const accounts = new Map<number, Account>();
  const accountOf = (chat: LimitedChat) => {
    const account = accounts.get(chat.id) ?? createAccount(limits === "none" ? unlimited : chatAllowance(chat, limits));
    accounts.set(chat.id, account);
    return account;
  };
  return {
    check(chat, isCounted) {
      const account = accountOf(chat);
      const verdict = isCounted ? admit([account, overall], now()) : passWindow([account], now());
      for (const counts of [account.counts, total]) count(counts, verdict, isCounted);
      if (verdict.retryAfterMs > 0) throw tooManyRequests(Math.ceil(verdict.retryAfterMs / 1_000));
    },
    freeze(chat, seconds) {
      const account = accountOf(chat);
      account.frozenUntilMs = Math.max(account.frozenUntilMs, now() + seconds * 1_000);
      account.isWindowKnown = false;
    },
    counts: (chatId) => ({ ...(chatId === undefined ? total : (accounts.get(chatId)?.counts ?? noCalls())) }),
  };
}

interface Account {
  allowance: Allowance;
  frozenUntilMs: number;
  /** Whether a 429 has told of the window. The call that learns of it is no mistake of the bot. */
  isWindowKnown: boolean;
  counts: LimitCounts;
}

interface Allowance {
  /** Milliseconds until one more call is allowed; 0 means now. */
  waitMs(nowMs: number): number;
  spend(nowMs: number): void;
}

interface Verdict {
  /** 0 when the call is let through. */
  retryAfterMs: number;
  wasInsideWindow: boolean;
}

const unlimited: Allowance = { waitMs: () => 0, spend: () => undefined };

function createAccount(allowance: Allowance): Account {
  return { allowance, frozenUntilMs: 0, isWindowKnown: false, counts: noCalls() };
}

function noCalls(): LimitCounts {
  return { accepted: 0, refused: 0, insideWindow: 0 };
}

function chatAllowance(chat: LimitedChat, limits: Limits): Allowance {
  if (chat.type === "private") return rate(limits.privatePerSecond, limits.privateBurst);
  return slidingMinute(limits.groupPerMinute);
}

/** A token bucket, kept as the moment when it will be full again, so that no fraction of a token is ever rounded. */
function rate(perSecond: number, burst: number): Allowance {
  const intervalMs = 1_000 / perSecond;
  let fullAtMs = 0;
  return {
    waitMs: (nowMs) => Math.max(0, fullAtMs - nowMs - (burst - 1) * intervalMs),
    spend: (nowMs) => {
      fullAtMs = Math.max(fullAtMs, nowMs) + intervalMs;
    },
  };
}

/** At most `size` calls in any 60 seconds: a bucket that refills would let almost twice as many through. */
function slidingMinute(size: number): Allowance {
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

function admit(accounts: Account[], nowMs: number): Verdict {
  const verdict = passWindow(accounts, nowMs);
  if (verdict.retryAfterMs > 0) return verdict;
  for (const account of accounts) {
    const waitMs = account.allowance.waitMs(nowMs);
    if (waitMs === 0) continue;
    // Telegram speaks in whole seconds, and means them: the window is open for all of the last one.
    account.frozenUntilMs = nowMs + Math.ceil(waitMs / 1_000) * 1_000;
    account.isWindowKnown = true;
  }
  const retryAfterMs = longestWindowMs(accounts, nowMs);
  if (retryAfterMs === 0) for (const account of accounts) account.allowance.spend(nowMs);
  return { retryAfterMs, wasInsideWindow: false };
}

function passWindow(accounts: Account[], nowMs: number): Verdict {
  const frozen = accounts.filter((account) => account.frozenUntilMs > nowMs);
  const known = frozen.filter((account) => account.isWindowKnown);
  for (const account of known) account.frozenUntilMs += LENGTHEN_MS;
  for (const account of frozen) account.isWindowKnown = true;
  return { retryAfterMs: longestWindowMs(frozen, nowMs), wasInsideWindow: known.length > 0 };
}

function longestWindowMs(accounts: Account[], nowMs: number): number {
  return Math.max(0, ...accounts.map((account) => account.frozenUntilMs - nowMs));
}

function count(counts: LimitCounts, verdict: Verdict, isCounted: boolean): void {
  if (verdict.retryAfterMs > 0) counts.refused += 1;
  else if (isCounted) counts.accepted += 1;
  if (verdict.wasInsideWindow) counts.insideWindow += 1;
}
