/**
 * The log line of a run's end, as fields.
 *
 * Ids, counts and times only, never text of a conversation. `work-on-run.ts` writes it.
 */
import type { ClaimedRun } from "../db/queries/runs/run-queue.ts";
import type { RoundUsage } from "../db/queries/runs/run-rounds.ts";
import type { RunOutcome } from "../events.ts";
import { costOf } from "../model-prices.ts";

/** What one attempt at a run used. Earlier attempts have log lines of their own. Tokens are null when unknown. */
export type Spending = { [Kind in keyof RoundUsage]: number | null } & {
  /** Tool calls that were started. */
  toolCalls: number;
};

/** A run at its end. Times are in milliseconds. */
export interface RunEnd {
  run: Pick<ClaimedRun, "id" | "threadId" | "attempt" | "queuedAt">;
  outcome: RunOutcome;
  rounds: number;
  model: string;
  spent: Spending;
  /** From the question's commit to this attempt's claim. */
  queuedMs: number;
  /** From the question's commit to the model's first text; null when there was no text. */
  firstTokenMs: number | null;
  /** From this attempt's claim to the commit of the run's end. */
  durationMs: number;
}

/** All zero. It is counted up during the attempt. */
export function createSpending(): Spending {
  return { toolCalls: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 };
}

/** Adds the tokens of one model call. They stay unknown after a call whose server does not count. A failed call adds none. */
export function addUsage(spent: Spending, usage: RoundUsage | null): void {
  for (const kind of TOKENS) spent[kind] = usage && spent[kind] !== null ? spent[kind] + usage[kind] : null;
}

const TOKENS = ["inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens"] as const;

/** The fields of the line "run ended". Without `costUsd` when the tokens or the model's price are unknown. */
export function runEndFields(end: RunEnd) {
  const { run, outcome, spent } = end;
  const costUsd = spent.inputTokens === null ? null : costOf(end.model, spent, run.queuedAt);
  return {
    runId: run.id,
    threadId: run.threadId,
    attempt: run.attempt,
    outcome: outcome.status,
    errorCode: outcome.errorCode,
    rounds: end.rounds,
    toolCalls: spent.toolCalls,
    inputTokens: spent.inputTokens,
    cachedInputTokens: spent.cachedInputTokens,
    outputTokens: spent.outputTokens,
    reasoningTokens: spent.reasoningTokens,
    ...(costUsd === null ? {} : { costUsd: toMicrodollars(Number(costUsd)) }),
    queuedMs: Math.round(end.queuedMs),
    firstTokenMs: end.firstTokenMs === null ? null : Math.round(end.firstTokenMs),
    durationMs: Math.round(end.durationMs),
  };
}

/** Six decimals: more mean nothing to a reader. */
function toMicrodollars(dollars: number): number {
  return Math.round(dollars * 1e6) / 1e6;
}
