/**
 * One model call of a run: made and stored, or replayed from what an earlier attempt has stored.
 *
 * What follows from it (tool calls, the next round, the end) is decided in `run.ts`.
 */
import { createHash } from "node:crypto";
import type { Db } from "../db/client.ts";
import type { ClaimedRun } from "../db/queries/runs/run-queue.ts";
import { type StoredToolCall, setInputCut, storeRound } from "../db/queries/runs/run-steps.ts";
import type { RunOutcome } from "../events.ts";
import type { Logger } from "../observability/logger.ts";
import type { Answer } from "./answer.ts";
import { parseArguments } from "./model/answer/arguments.ts";
import { textsOf } from "./model/answer/items.ts";
import { ENLARGE_CONTEXT } from "./model/errors/advice.ts";
import type { Model, ModelAnswer, ModelRequest, ModelTool } from "./model/model.ts";
import type { RunInput } from "./run-input.ts";
import { addUsage, type Spending } from "./run-log.ts";

/** A model call that has ended. Without tool calls the run ends with its outcome. */
export interface FinishedModelCall {
  items: object[];
  calls: StoredToolCall[];
  outcome: RunOutcome;
}

/** What a model call is made with. */
export interface Round {
  /** Starts at 1. */
  round: number;
  model: Model;
  instructions: string;
  input: RunInput;
  tools: ModelTool[];
  /** As `versionOfPrompt` returns it. */
  promptVersion: string;
  mayCallTools: boolean;
  answer: Answer;
  spent: Spending;
  signal: AbortSignal;
}

/** Calls the model, and stores its answer before anything is done with it. */
export async function askModel(
  { db, logger, now }: { db: Db; logger: Logger; now(): Date },
  run: ClaimedRun,
  at: Round,
): Promise<FinishedModelCall> {
  at.answer.beginRound();
  const startedAt = now();
  let firstTokenAt: Date | null = null;
  const onText = (delta: string) => {
    firstTokenAt ??= now();
    at.answer.write(delta);
  };
  const answer = await at.input.ask(
    (items) => at.model.answer(toRequest(run, at, items), { signal: at.signal, onText }),
    async (error) => {
      // Some servers find out during the answer. Nothing is said twice.
      if (firstTokenAt) throw error;
      logger.info({ runId: run.id, inputCut: at.input.cut() }, "the input is too long for the model: asking with less");
      await setInputCut(db, run, at.input.cut());
    },
  );
  at.answer.endRound(answer.text);
  addUsage(at.spent, answer.usage);
  at.signal.throwIfAborted();
  if (answer.usage && at.input.noticeUsage(answer.usage.inputTokens)) {
    logger.warn({ runId: run.id, inputTokens: answer.usage.inputTokens }, CUT_BY_SERVER);
  }
  // An answer that was cut short is never sent back. A round without items is asked again by the next attempt.
  const isCutShort = answer.outcome.status === "incomplete";
  const items = isCutShort ? [] : answer.items;
  const calls = isCutShort ? [] : answer.calls.map((call) => ({ ...call, arguments: parseArguments(call.arguments) }));
  const stored = await storeRound(db, run, {
    round: at.round,
    items,
    calls,
    usage: answer.usage,
    model: at.model.name,
    promptVersion: at.promptVersion,
    settings: answer.settings,
    inputCut: at.input.cut(),
    startedAt,
    firstTokenAt,
    completedAt: now(),
  });
  return { items, calls: stored, outcome: outcomeOf(answer, at.answer.textOfRound()) };
}

const CUT_BY_SERVER = `the model's server read only a part of what it was sent, and did not say so. ${ENLARGE_CONTEXT}`;

function toRequest(run: ClaimedRun, { instructions, tools, mayCallTools }: Round, input: object[]): ModelRequest {
  const safetyIdentifier = run.asker.id && createHash("sha256").update(run.asker.id).digest("hex");
  return { instructions, input, tools, mayCallTools, cacheKey: run.threadId, safetyIdentifier };
}

/** A round that an earlier attempt has finished: its text is emitted again, and its calls are known. */
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
    return { status: "failed", errorCode: "MODEL_EMPTY", errorMessage: "The model ended without any text." };
  }
  return COMPLETED;
}
