/**
 * What the product tells about the course of a run: the interface between the code that works and the traces.
 *
 * A run is a trace, and each attempt at it a span with its model calls and tool calls. As with `meter.ts`, no method throws
 * or waits, and without a tracer nothing is recorded. What was said is passed on for those who ask for it (`traces/content.ts`).
 */
import type { RunOutcome } from "../events.ts";
import type { HandoverReason } from "./meter.ts";

export interface Tracer {
  /** A worker starts a claimed run. */
  startAttempt(run: TracedRun): AttemptTrace;
}

/** Ids are UUIDs of our own. */
export interface TracedRun {
  readonly id: string;
  readonly threadId: string;
  /** Starts at 1. */
  readonly attempt: number;
  /** From the question's commit to this attempt's claim, in milliseconds. */
  readonly queuedMs: number;
}

/** One of `runEnded` and `runHandedOver` is called, once. */
export interface AttemptTrace extends ModelTracer, ToolTracer {
  /** Called after the commit. `text`: the whole answer. */
  runEnded(end: { readonly outcome: RunOutcome; readonly text: string }): void;
  runHandedOver(reason: HandoverReason): void;
}

export interface ModelTracer {
  /** One call of the model, a retry included. */
  startModelCall(call: TracedModelCall): ModelCallTrace;
}

export interface TracedModelCall {
  readonly model: string;
  readonly maxOutputTokens: number;
  readonly instructions: string;
  /** Items of the Responses API. */
  readonly input: readonly object[];
}

/** One of the two is called, once. */
export interface ModelCallTrace {
  answered(answer: TracedAnswer): void;
  /** `error`: a code, or `aborted`. */
  failed(error: string): void;
}

export interface TracedAnswer {
  readonly outcome: { readonly status: "completed" } | { readonly status: "incomplete"; readonly reason: string };
  /** Items of the Responses API. */
  readonly items: readonly object[];
  readonly calls: readonly unknown[];
  /** Null when the server did not report it. */
  readonly usage: TracedUsage | null;
}

export interface TracedUsage {
  readonly inputTokens: number;
  /** Part of the input. */
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  /** Part of the output. */
  readonly reasoningTokens: number;
}

export interface ToolTracer {
  startToolCall(call: TracedToolCall): ToolCallTrace;
}

export interface TracedToolCall {
  /** Null for a tool that does not exist. */
  readonly name: string | null;
  /** The model's id of the call. */
  readonly callId: string;
  readonly arguments: unknown;
}

/** One of the two is called, once. */
export interface ToolCallTrace {
  ended(end: { readonly output: unknown; readonly error: string | null }): void;
  aborted(): void;
}
