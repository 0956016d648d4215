/** What the parts of one reply share: its dependencies, and how far it has come. */
import type { RunOutcome } from "../../events.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ReplyMeter } from "../../observability/meter.ts";
import { type Clock, createTimers, type Timers } from "../budget/clock.ts";
import type { BudgetChat, SendBudget } from "../budget/send-budget.ts";
import { createSentPages } from "./pages/page-diff.ts";
import type { ReplyStore, ReplyTransport } from "./ports.ts";
import { createReplyText, type ReplyText } from "./reply-text.ts";
import { createTextAge, type TextAge } from "./text-age.ts";
import type { WriteContext } from "./write-step.ts";

export interface ReplyDeps {
  chat: BudgetChat;
  budget: SendBudget;
  transport: ReplyTransport;
  store: ReplyStore;
  /** The status line while the tools with these names run. */
  statusLine(toolNames: string[]): string;
  /** Characters that an earlier attempt may have shown. */
  shownLength: number;
  /** Whether a run with this outcome gets a retry button. */
  isWorthRetrying(outcome: RunOutcome): boolean;
  /** Waits until the replies before this one are delivered. @returns the messages that already show this one. */
  begin(signal: AbortSignal): Promise<readonly number[]>;
  /** When the question was stored, by the clock; null if a part of the reply was shown before. */
  askedAt: number | null;
  meter?: ReplyMeter;
  clock: Clock;
  logger: Logger;
}

export interface ReplyState extends ReplyDeps, WriteContext {
  text: ReplyText;
  textAge: TextAge;
  /** Rejects when the reply is abandoned. */
  stopped: Promise<never>;
  /** Wakes the render loop. */
  onChange: () => void;
  timers: Timers;
  /** The `text.version()` that the chat shows. */
  shownVersion: number;
  /** The version in which a slow tool was first named. */
  statusVersion: number;
  isWriting: boolean;
  /** When a write was last accepted, by the clock. */
  lastShownAt: number;
  /** Unanswered calls in a row. */
  failures: number;
}

export function createReplyState(deps: ReplyDeps): ReplyState {
  const stop = new AbortController();
  return {
    ...deps,
    text: createReplyText(deps),
    textAge: createTextAge(deps.clock.now),
    sentPages: createSentPages([]),
    stop,
    stopped: rejectOnAbort(stop.signal),
    onChange: () => undefined,
    timers: createTimers(deps.clock),
    shownVersion: 0,
    statusVersion: 0,
    isWriting: false,
    lastShownAt: Number.NEGATIVE_INFINITY,
    failures: 0,
  };
}

/** Waits this long, or rejects when the reply is abandoned. */
export async function pause({ stopped, timers }: ReplyState, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  timers.after(delayMs, resolve);
  await Promise.race([promise, stopped]);
}

/** A promise that rejects when the signal aborts and never resolves. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  // Those who await it get the rejection. Without one, it must not count as unhandled.
  promise.catch(() => undefined);
  return promise;
}
