/**
 * What the product counts of itself while it works: the words between those who do something and whoever counts it.
 *
 * Counting must never be in the way: nothing here throws, waits, or takes an id, a text or anything else without bounds
 * (`metrics/` makes series of them). Whoever is given no meter is not counted.
 */
import type { RunOutcome } from "../events.ts";

/** Why a run was left to another worker. */
export type HandoverReason = "shutdown" | "lease-lost" | "database-away" | "fault";

export interface RunMeter {
  /** A worker begins with a claimed run; 1 is the first time. */
  attemptBegun(attempt: number): void;
  runHandedOver(reason: HandoverReason): void;
  /** After its commit. */
  runEnded(outcome: RunOutcome): void;
}

export interface ToolMeter {
  /** `name` is one of the registry's; anything else that a model asked for is null. */
  toolEnded(name: string | null, result: "succeeded" | "failed" | "aborted", seconds: number): void;
}

/** What one model call used, and its cost in US dollars; null where the model's price is not known. */
export interface ModelUse {
  inputTokens: number;
  /** Part of the input. */
  cachedInputTokens: number;
  outputTokens: number;
  /** Part of the output. */
  reasoningTokens: number;
  costUsd: number | null;
}

/** `half-open`: one call is let through as a trial. */
export type CircuitState = "closed" | "half-open" | "open";

export interface ModelMeter {
  /**
   * A call has ended. `result`: `completed`, `incomplete`, `aborted`, or the code of what went wrong. `use` is null when the
   * server did not say.
   */
  modelCalled(model: string, result: string, use: ModelUse | null): void;
  /** A call is made again after `fault`, the code of what went wrong. */
  modelRetried(fault: string): void;
  circuitTurned(state: CircuitState): void;
}

export interface TelegramMeter {
  /** A call of the Bot API has ended; `result` is a kind of `TelegramAnswer`, or `aborted`. */
  telegramCalled(method: string, result: string): void;
  /** A 429: Telegram asks to wait so long. */
  telegramAskedToWait(seconds: number): void;
}

export interface ReplyMeter {
  /** Telegram accepted the first text of a reply, so long after the question was committed. */
  firstTextShown(seconds: number): void;
  /** Telegram accepted text, the oldest of which had left the model so long ago. */
  textShown(stalenessSeconds: number): void;
  /** A message may stand twice: its send was repeated without knowing what became of it. */
  messageMayBeDoubled(): void;
}

export interface Meter extends RunMeter, ToolMeter, ModelMeter, TelegramMeter, ReplyMeter {}

/** How many connections a pool may have, how many are at work, and how many wait for one. */
export interface PoolUse {
  size: number;
  inUse: number;
  waiting: number;
}
