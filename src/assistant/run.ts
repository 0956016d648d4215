/**
 * The run loop: one run in, `RunEvent`s and an outcome out.
 *
 * A round is one model call and the tool calls it asks for. The run ends when a round asks for none, after `MAX_ROUNDS`,
 * or when `signal` aborts. Everything is stored before it is acted on, so another process can continue from any point. It
 * knows nothing of Telegram or GraphQL.
 */
import { LeaseLostError } from "../db/queries/runs/run-claim.ts";
import type { ClaimedRun } from "../db/queries/runs/run-queue.ts";
import {
  endToolCall,
  findProgress,
  resumeRun,
  type StoredToolCall,
  startToolCall,
  type ToolCallEnd,
} from "../db/queries/runs/run-steps.ts";
import { AppError } from "../errors.ts";
import type { RunEvent, RunOutcome } from "../events.ts";
import { createAnswer } from "./answer.ts";
import { executeTool, type ToolRunner } from "./execute-tool.ts";
import { MAX_CALLS_PER_ROUND, MAX_ROUNDS } from "./limits.ts";
import type { Model, ModelTool } from "./model/model.ts";
import { type ModelRetryOptions, withRetries } from "./model/retry.ts";
import { promptWords, writePrompt } from "./prompt.ts";
import { versionOfPrompt } from "./prompt-version.ts";
import { askModel, replay } from "./round.ts";
import { openRunInput } from "./run-input.ts";
import { createSpending, type Spending } from "./run-log.ts";

export interface RunLoop extends ToolRunner {
  model: Model;
  /** Tokens of history at most; null or left out when it is not configured. */
  contextTokens?: number | null;
  /** Model calls of one run; `MAX_ROUNDS` when left out. */
  maxRounds?: number;
  modelRetries?: ModelRetryOptions;
}

export interface RunControl {
  signal: AbortSignal;
  emit(event: RunEvent): void;
  /**
   * Waits until the worker may act: a process that was frozen continues in the middle of a run that another worker may have
   * by now. Left out: it always may.
   */
  untilFresh?(): Promise<void>;
}

/** How the loop ended, and the whole text of the Assistant. */
export interface RunResult {
  outcome: RunOutcome;
  text: string;
  rounds: number;
  /** What this attempt used. Earlier attempts are not included. */
  spent: Spending;
}

/** The signal's reason when a person stopped the run. */
export class StoppedError extends Error {}

/**
 * Works on a claimed run until it ends. Continues from what earlier attempts have stored.
 *
 * @throws {LeaseLostError} when the run belongs to another worker.
 * @throws the signal's reason when the run is aborted for another cause than a person's stop. The run has not ended then:
 * another process continues it.
 */
export async function runAssistant(loop: RunLoop, run: ClaimedRun, control: RunControl): Promise<RunResult> {
  const answer = createAnswer(control.emit);
  const spent = createSpending();
  let round = 0;
  try {
    const { asker, language, queuedAt: askedAt } = run;
    const instructions = writePrompt({ shop: loop.shop, now: loop.now(), askedAt, asker, language });
    const progress = run.attempt > 1 ? await findProgress(loop.db, run.id) : { items: [], calls: [] };
    const model = withRetries(onlyWhenFresh(loop.model, control), retriesOf(loop, run));
    const described = describeTools(loop);
    const input = await openRunInput(loop.db, run, {
      fixedCharacters: instructions.length + JSON.stringify(described.tools).length,
      contextTokens: loop.contextTokens ?? null,
      windowTokens: async () => (await model.windowTokens?.()) ?? null,
    });
    const asked = { ...described, model, instructions, input, answer, spent, signal: control.signal };
    for (;;) {
      const stored = progress.items.filter((entry) => entry.round === round + 1).map((entry) => entry.item);
      round += 1;
      const calls = stored.length > 0 ? progress.calls.filter((call) => call.round === round) : [];
      const finished =
        stored.length > 0
          ? replay(stored, calls, answer)
          : // In the last round the model must answer without tools.
            await askModel(loop, run, { ...asked, round, mayCallTools: round < maxRounds(loop) });
      const end = { text: answer.text(), rounds: round, spent };
      if (finished.calls.length === 0) return { outcome: finished.outcome, ...end };

      if (round >= maxRounds(loop)) return { outcome: tooManyRounds(round), ...end };
      const outputs = await makeCalls(loop, run, { ...control, round, calls: finished.calls, spent });
      input.add(...finished.items, ...outputs);
    }
  } catch (error) {
    return { outcome: endOf(error, control.signal), text: answer.text(), rounds: round, spent };
  }
}

/** The tools as the model gets them, and the version of the prompt. */
function describeTools(loop: RunLoop): { tools: ModelTool[]; promptVersion: string } {
  const tools = [...loop.tools.values()].map(({ name, description, parameters }) => ({
    name,
    description,
    parameters,
  }));
  return { tools, promptVersion: versionOfPrompt(promptWords(), tools) };
}

/** Waits before each call, also before a retry: the process may have been frozen during the pause. */
function onlyWhenFresh(model: Model, { untilFresh }: RunControl): Model {
  if (!untilFresh) return model;
  return {
    ...model,
    async answer(request, options) {
      await untilFresh();
      return model.answer(request, options);
    },
  };
}

interface RoundCalls extends RunControl {
  round: number;
  calls: StoredToolCall[];
  spent: Spending;
}

/** Makes the calls that have not ended yet, at the same time. @returns one output for each call, in the model's order. */
async function makeCalls(loop: RunLoop, run: ClaimedRun, at: RoundCalls): Promise<object[]> {
  const { calls, round } = at;
  at.emit({
    type: "run-requires-action",
    round,
    toolCalls: calls.map((call) => ({ id: call.id, callId: call.callId, name: call.name, arguments: call.arguments })),
  });
  const ends = calls.map((call, index) => (isEnded(call) ? call.output : makeCall(loop, run, { ...at, call, index })));
  const settled = await Promise.allSettled(ends);
  const failed = settled.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
  await resumeRun(loop.db, run);
  return settled.map((end, index) => ({
    type: "function_call_output",
    call_id: calls[index]?.callId,
    output: JSON.stringify(end.status === "fulfilled" ? end.value : null),
  }));
}

async function makeCall(
  loop: RunLoop,
  run: ClaimedRun,
  at: RunControl & { call: StoredToolCall; index: number; spent: Spending },
): Promise<unknown> {
  const { call } = at;
  at.spent.toolCalls += 1;
  await startToolCall(loop.db, run, call.id);
  at.emit({ type: "tool-start", toolCallId: call.id, name: call.name, arguments: call.arguments });
  const end = await endOfCall(loop, run, at);
  await endToolCall(loop.db, run, call.id, end);
  at.emit({ type: "tool-end", toolCallId: call.id, name: call.name, succeeded: end.error === null });
  return end.output;
}

async function endOfCall(
  loop: RunLoop,
  run: ClaimedRun,
  at: RunControl & { call: StoredToolCall; index: number },
): Promise<ToolCallEnd> {
  if (at.index < MAX_CALLS_PER_ROUND) return executeTool(loop, at.call, { role: run.asker.role, signal: at.signal });
  const error = `Only ${MAX_CALLS_PER_ROUND} calls are made in one round. Request this one again.`;
  return { output: { error }, error };
}

function tooManyRounds(rounds: number): RunOutcome {
  return { status: "incomplete", errorCode: "TOO_MANY_ROUNDS", errorMessage: `No answer after ${rounds} rounds.` };
}

function endOf(error: unknown, signal: AbortSignal): RunOutcome {
  if (error instanceof LeaseLostError) throw error;
  if (signal.reason instanceof StoppedError) return { status: "cancelled", errorCode: null, errorMessage: null };
  signal.throwIfAborted();
  if (error instanceof AppError) return { status: "failed", errorCode: error.code, errorMessage: error.message };
  throw error;
}

function retriesOf({ logger, modelRetries }: RunLoop, run: ClaimedRun): ModelRetryOptions {
  return {
    ...modelRetries,
    onRetry(retry) {
      logger.info({ runId: run.id, errorCode: retry.fault, waitMs: retry.waitMs }, "retrying a model call");
      modelRetries?.onRetry?.(retry);
    },
  };
}

function maxRounds(loop: RunLoop): number {
  return loop.maxRounds ?? MAX_ROUNDS;
}

function isEnded(call: StoredToolCall): boolean {
  return call.status === "succeeded" || call.status === "failed";
}
