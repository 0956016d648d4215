/**
 * One model call of a run: asked and stored, or replayed from what an earlier attempt has stored.
 *
 * What follows from it (tool calls, the next round, the end) is `run.ts`'s matter.
 */
import { createHash } from "node:crypto";
import type { Db } from "../db/client.ts";
import type { ClaimedRun } from "../db/queries/runs/run-queue.ts";
import { type StoredToolCall, storeRound } from "../db/queries/runs/run-steps.ts";
import type { RunOutcome } from "../events.ts";
import type { Answer } from "./answer.ts";
import { parseArguments, textsOf } from "./model/items.ts";
import type { Model, ModelAnswer, ModelTool } from "./model/model.ts";
import { addUsage, type Spending } from "./run-log.ts";

/** A round whose model call has ended; without calls the run ends with its outcome. */
export interface FinishedModelCall {
  items: object[];
  calls: StoredToolCall[];
  outcome: RunOutcome;
}

/** What a round is asked with. */
export interface Round {
  /** Counted from 1. */
  round: number;
  model: Model;
  instructions: string;
  input: object[];
  tools: ModelTool[];
  /** Names the words of the instructions and of the tools, as `versionOfPrompt` gives it. */
  promptVersion: string;
  mayCallTools: boolean;
  answer: Answer;
  spent: Spending;
  signal: AbortSignal;
}

/** Asks the model, and stores what came before anything is done with it. */
export async function askModel(
  { db, now }: { db: Db; now(): Date },
  run: ClaimedRun,
  at: Round,
): Promise<FinishedModelCall> {
  at.answer.beginRound();
  const request = {
    instructions: at.instructions,
    input: at.input,
    tools: at.tools,
    mayCallTools: at.mayCallTools,
    cacheKey: run.threadId,
    safetyIdentifier: run.asker.id && createHash("sha256").update(run.asker.id).digest("hex"),
  };
  const startedAt = now();
  let firstTokenAt: Date | null = null;
  const onText = (delta: string) => {
    firstTokenAt ??= now();
    at.answer.write(delta);
  };
  const answer = await at.model.answer(request, { signal: at.signal, onText });
  addUsage(at.spent, answer.usage);
  at.signal.throwIfAborted();
  // What was cut short is never sent back; without items another attempt knows that this round is to be asked again.
  const cutShort = answer.outcome.status === "incomplete";
  const items = cutShort ? [] : answer.items;
  const calls = cutShort ? [] : answer.calls.map((call) => ({ ...call, arguments: parseArguments(call.arguments) }));
  const stored = await storeRound(db, run, {
    round: at.round,
    items,
    calls,
    usage: answer.usage,
    model: at.model.name,
    promptVersion: at.promptVersion,
    settings: answer.settings,
    startedAt,
    firstTokenAt,
    completedAt: now(),
  });
  return { items, calls: stored, outcome: outcomeOf(answer, at.answer.textOfRound()) };
}

/** A round that an earlier attempt has finished: its text counts as said, its calls are known. */
export function replay(items: object[], calls: StoredToolCall[], answer: Answer): FinishedModelCall {
  answer.beginRound();
  for (const text of items.flatMap(textsOf)) answer.replay(text);
  return { items, calls, outcome: outcomeOf({ outcome: { status: "completed" }, calls }, answer.textOfRound()) };
}

const COMPLETED: RunOutcome = { status: "completed", errorCode: null, errorMessage: null };

function outcomeOf(answer: { outcome: ModelAnswer["outcome"]; calls: unknown[] }, textOfRound: string): RunOutcome {
  if (answer.outcome.status === "incomplete") {
    const { reason } = answer.outcome;
    return { status: "incomplete", errorCode: "MODEL_CUT_SHORT", errorMessage: `The model was cut short: ${reason}.` };
  }
  if (answer.calls.length === 0 && textOfRound.trim() === "") {
    return { status: "failed", errorCode: "MODEL_EMPTY", errorMessage: "The model ended without saying anything." };
  }
  return COMPLETED;
}
