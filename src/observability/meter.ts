/**
 * What the product counts while it works: the interface between the code that does something and the code that counts it.
 *
 * Counting never disturbs the work. No method throws or waits. None takes an id, a text or another unbounded value, because
 * `metrics/` turns values into series. Without a meter nothing is recorded.
 */
import type { RunOutcome } from "../events.ts";

/** Why a worker handed a run over to another worker. */
export type HandoverReason = "shutdown" | "lease-lost" | "database-away" | "fault";

export interface RunMeter {
  /** A worker starts a claimed run; 1 is the run's first attempt. */
  attemptStarted(attempt: number): void;
  runHandedOver(reason: HandoverReason): void;
  /** Called after the commit. */
  runEnded(outcome: RunOutcome): void;
}

export interface ToolMeter {
  /** `name` is null for a tool that does not exist. */
  toolEnded(name: string | null, result: "succeeded" | "failed" | "aborted", seconds: number): void;
}

/** What one model call used. */
export interface ModelUse {
  inputTokens: number;
  /** Part of the input. */
  cachedInputTokens: number;
  outputTokens: number;
  /** Part of the output. */
  reasoningTokens: number;
  /** Null when the model's price is unknown. */
  costUsd: number | null;
}

/** `half-open`: one call is allowed as a trial. */
export type CircuitState = "closed" | "half-open" | "open";

export interface ModelMeter {
  /**
   * A call has ended. `result`: `completed`, `incomplete`, `aborted`, or the error code. `use` is null when the server did not
   * report it.
   */
  modelCalled(model: string, result: string, use: ModelUse | null): void;
  /** A call is retried after `fault`, the error code. */
  modelRetried(fault: string): void;
  circuitChanged(state: CircuitState): void;
}

export interface TelegramMeter {
  /** A Bot API call has ended. `result` is a kind of `TelegramAnswer`, or `aborted`. */
  telegramCalled(method: string, result: string): void;
  /** Telegram answered 429 with this `retry_after`. */
  telegramRateLimited(seconds: number): void;
}

export interface ReplyMeter {
  /** Telegram accepted the first text of a reply, this long after the commit of the question. */
  firstTextShown(seconds: number): void;
  /** Telegram accepted text; its oldest part came from the model this long ago. */
  textShown(stalenessSeconds: number): void;
  /** A message may be in the chat twice: its send was repeated after an unknown outcome. */
  messageMaybeDuplicated(): void;
}

export interface Meter extends RunMeter, ToolMeter, ModelMeter, TelegramMeter, ReplyMeter {}

export interface PoolUse {
  /** Most connections that the pool opens. */
  size: number;
  inUse: number;
  /** Callers that wait for a connection. */
  waiting: number;
}
