/**
 * The rate limit of one chat: when its next call may start, given the calls before it. Pure arithmetic; `scheduler.ts` waits,
 * and `overall-allowance.ts` has the limit over all chats.
 *
 * Telegram's FAQ states about one message a second in a chat (it tolerates short bursts), and 20 a minute in a group. Edits
 * and typing count. All times are milliseconds of the budget's clock.
 */
import type { ChatWindow } from "../../db/queries/chat/chat-windows.ts";
import { GROUP_WINDOW_MS, groupFreeAt, type StartedCall } from "./group-minute.ts";
import type { Priority } from "./priority.ts";

/** Start to start in one chat: a little over the second that Telegram counts in. */
const INTERVAL_MS = 1_030;
/** Calls that may follow each other in an idle chat. Telegram tolerates that. */
const BURST = 3;
/**
 * The part of the burst that is never spent. Calls arrive less evenly than they were sent. If one is late by less than this,
 * the next ones are still not too early.
 */
const JITTER_MS = 100;
const MAX_CREDIT_MS = BURST * INTERVAL_MS - JITTER_MS;
/** Calls of the burst that each priority leaves free, so that a final never waits for them. */
const RESERVED_CALLS: Record<Priority, number> = { final: 0, message: 0, edit: 1, typing: 1 };
/** Start to start of edits while there is credit: the first words grow fast, and the credit lasts for several edits. */
const EDIT_SPACING_MS = 500;

/** How long a call may be in flight; one without an end counts that long. */
const MAX_CALL_MS = 20_000;

/** Added to Telegram's `retry_after`: its clock and ours differ. */
export const FREEZE_MARGIN_MS = 100;
/** Credit after a freeze: one edit may go out at once and a final behind it, but no burst. */
const CREDIT_AFTER_FREEZE_MS = 2 * INTERVAL_MS;
/** How much each 429 slows a chat down, the slowest pace, and how much each answered call recovers. */
const SLOWDOWN = 1.5;
const MAX_SLOWNESS = 4;
const RECOVERY = 0.95;

export interface ChatAllowance {
  /** The earliest time at which a call of this priority may start; `now` or later. */
  freeAt(priority: Priority, now: number): number;
  /** A call starts. */
  start(now: number): StartedCall;
  /** Telegram answered it, or nobody waits for the answer any more. */
  end(call: StartedCall, now: number): void;
  /** It was never made. */
  undo(call: StartedCall): void;
  /** Telegram asked to wait: no call may start until then, and the chat is slower afterwards. */
  freeze(seconds: number, now: number): void;
  isFrozen(now: number): boolean;
  /** The state that another process needs to continue from here. */
  window(now: number): ChatWindow;
  /** Adopts the state of another process, as if its calls had been made here. */
  learn(window: ChatWindow, now: number): void;
  /** Whether no earlier call matters any more. */
  isRested(now: number): boolean;
}

interface State {
  readonly isGroup: boolean;
  readonly createdAt: number;
  /** Grows with time up to `MAX_CREDIT_MS`; a call costs `INTERVAL_MS`. The value at `creditedAt`. */
  creditMs: number;
  creditedAt: number;
  /** 1 or more: how many times slower the credit grows. */
  slowness: number;
  frozenUntil: number;
  /** Calls that Telegram may count, the oldest first; in a private chat only the last one. */
  calls: readonly StartedCall[];
}

/** The allowance of a chat without known calls. */
export function createChatAllowance({ isGroup, now }: { isGroup: boolean; now: number }): ChatAllowance {
  const state: State = {
    isGroup,
    createdAt: now,
    creditMs: MAX_CREDIT_MS,
    creditedAt: now,
    slowness: 1,
    frozenUntil: Number.NEGATIVE_INFINITY,
    calls: [],
  };
  return {
    freeAt: (priority, at) => freeAt(state, priority, at),
    start: (at) => start(state, at),
    end: (call, at) => end(state, call, at),
    undo: (call) => undo(state, call),
    freeze: (seconds, at) => freeze(state, seconds, at),
    isFrozen: (at) => at < state.frozenUntil,
    window: (at) => readWindow(state, at),
    learn: (window, at) => learn(state, window, at),
    isRested: (at) => isRested(state, at),
  };
}

function freeAt(state: State, priority: Priority, now: number): number {
  refill(state, now);
  if (state.isGroup) state.calls = state.calls.filter(({ countsUntil }) => countsUntil > now);
  const missingMs = (1 + RESERVED_CALLS[priority]) * INTERVAL_MS - state.creditMs;
  const creditAt = now + Math.max(0, Math.ceil(missingMs * state.slowness));
  const groupAt = state.isGroup ? groupFreeAt(state.calls, priority, now) : now;
  return Math.max(state.frozenUntil, creditAt, spacedAt(state, priority, now), groupAt);
}

function spacedAt({ calls }: State, priority: Priority, now: number): number {
  const last = calls.at(-1);
  return last && priority === "edit" ? Math.max(now, last.startedAt + EDIT_SPACING_MS) : now;
}

function refill(state: State, now: number): void {
  const elapsedMs = Math.max(0, now - state.creditedAt);
  state.creditMs = Math.min(MAX_CREDIT_MS, state.creditMs + elapsedMs / state.slowness);
  state.creditedAt = Math.max(state.creditedAt, now);
}

function start(state: State, now: number): StartedCall {
  refill(state, now);
  state.creditMs -= INTERVAL_MS;
  const call = { startedAt: now, countsUntil: now + MAX_CALL_MS + GROUP_WINDOW_MS };
  state.calls = state.isGroup ? [...state.calls, call] : [call];
  return call;
}

function end(state: State, call: StartedCall, now: number): void {
  refill(state, now);
  call.countsUntil = now + GROUP_WINDOW_MS;
  // Telegram's own credit was full at most when the call arrived: the time in flight before that earned nothing.
  if (state.frozenUntil <= now) state.creditMs = Math.min(state.creditMs, MAX_CREDIT_MS - INTERVAL_MS);
  state.slowness = Math.max(1, state.slowness * RECOVERY);
}

function undo(state: State, call: StartedCall): void {
  state.calls = state.calls.filter((other) => other !== call);
  state.creditMs = Math.min(MAX_CREDIT_MS, state.creditMs + INTERVAL_MS);
}

function freeze(state: State, seconds: number, now: number): void {
  refill(state, now);
  state.frozenUntil = Math.max(state.frozenUntil, now + seconds * 1000 + FREEZE_MARGIN_MS);
  state.slowness = Math.min(MAX_SLOWNESS, state.slowness * SLOWDOWN);
  state.creditMs = CREDIT_AFTER_FREEZE_MS;
  state.creditedAt = state.frozenUntil;
}

function readWindow({ calls, creditMs, creditedAt, frozenUntil, slowness }: State, now: number): ChatWindow {
  return {
    callAgesMs: calls.map((call) => now - countedFrom(call)).filter((ageMs) => ageMs < GROUP_WINDOW_MS),
    restedInMs: Math.max(0, Math.ceil((MAX_CREDIT_MS - creditMs) * slowness) - (now - creditedAt)),
    frozenForMs: Math.max(0, frozenUntil - now),
  };
}

/** From when Telegram counts a call: its answer, if that is known. */
function countedFrom({ startedAt, countsUntil }: StartedCall): number {
  const isInFlight = countsUntil === startedAt + MAX_CALL_MS + GROUP_WINDOW_MS;
  return isInFlight ? startedAt : countsUntil - GROUP_WINDOW_MS;
}

function learn(state: State, { callAgesMs, restedInMs, frozenForMs }: ChatWindow, now: number): void {
  const learned = callAgesMs.map((ageMs) => ({ startedAt: now - ageMs, countsUntil: now - ageMs + GROUP_WINDOW_MS }));
  const newest = learned.at(-1)?.startedAt ?? Number.NEGATIVE_INFINITY;
  state.calls = [...learned, ...state.calls.filter(({ startedAt }) => startedAt > newest)];
  refill(state, now);
  state.frozenUntil = Math.max(state.frozenUntil, now + frozenForMs);
  state.creditMs = Math.min(state.creditMs, MAX_CREDIT_MS - Math.max(0, restedInMs - frozenForMs));
  if (state.frozenUntil <= now) return;
  state.creditMs = Math.min(state.creditMs, CREDIT_AFTER_FREEZE_MS);
  state.creditedAt = state.frozenUntil;
}

function isRested({ calls, createdAt, frozenUntil }: State, now: number): boolean {
  return now > frozenUntil && now - (calls.at(-1)?.startedAt ?? createdAt) > 2 * GROUP_WINDOW_MS;
}
