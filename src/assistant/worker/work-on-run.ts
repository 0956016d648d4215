/**
 * Work on one claimed run, from its claim to its end. The end is committed before it is published.
 *
 * Which runs are claimed, and when one is aborted, is decided in `worker.ts`.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/client.ts";
import { isDatabaseUnavailable } from "../../db/error-code.ts";
import { LeaseLostError } from "../../db/queries/runs/run-claim.ts";
import { endRun } from "../../db/queries/runs/run-end.ts";
import { type ClaimedRun, countHandovers, releaseRun } from "../../db/queries/runs/run-queue.ts";
import { truncateRunText } from "../../db/queries/runs/run-text.ts";
import { storableText } from "../../db/storable.ts";
import type { RunOutcome } from "../../events.ts";
import type { Logger } from "../../observability/logger.ts";
import type { HandoverReason, RunMeter } from "../../observability/meter.ts";
import type { AttemptTrace, Tracer } from "../../observability/tracer.ts";
import { MAX_ATTEMPTS, MAX_BEGINNINGS, UNCOUNTED_GRACE_MS } from "../limits.ts";
import { createTracedModel } from "../model/traced-model.ts";
import { type RunLoop, type RunResult, runAssistant, StoppedError } from "../run.ts";
import { createSpending, runEndFields } from "../run-log.ts";
import type { TextStore } from "../text-store.ts";
import { openRunOutput, type RunOutput, type RunView } from "./run-output.ts";
import type { UncountedAttempts } from "./uncounted-attempts.ts";

/** Shows runs, and words how one ended. */
export interface RunPresenter {
  open(run: ClaimedRun): RunView;
  /** The whole reply as Markdown: the Assistant's text, and a sentence of the bot when the run did not end well. */
  finalText(run: ClaimedRun, outcome: RunOutcome, text: string): string;
}

export interface RunWork {
  database: Database;
  loop: RunLoop;
  presenter: RunPresenter;
  texts: TextStore;
  uncountedAttempts: UncountedAttempts;
  meter?: RunMeter;
  tracer?: Tracer;
  logger: Logger;
}

export interface WorkControl {
  /** Aborted for a stop, a lost lease or a shutdown. */
  abort: AbortController;
  /** Waits until the worker may act where others see it. */
  untilFresh(): Promise<void>;
}

/** Characters of an error message that are stored: some servers answer with a whole page. */
const MAX_ERROR_CHARACTERS = 2_000;

/** Why a run is aborted when the process stops: another process continues it. */
export class ShutdownError extends Error {}

/** One attempt at a run. */
interface Attempt extends WorkControl {
  readonly run: ClaimedRun;
  /** By `performance.now`. */
  readonly claimedAt: number;
  readonly output: RunOutput;
  readonly trace: AttemptTrace | undefined;
  readonly log: Logger;
}

/**
 * Works on a run until it ends or is aborted; never throws. After a lost lease, at shutdown, or when its end cannot be
 * stored, the run stays as it is: the next attempt continues from what is stored.
 */
export async function workOnRun(deps: RunWork, run: ClaimedRun, control: WorkControl): Promise<void> {
  const log = deps.logger.child({ runId: run.id, threadId: run.threadId, attempt: run.attempt });
  const claimedAt = performance.now();
  const output = openRunOutput(run, {
    view: deps.presenter.open(run),
    texts: deps.texts,
    onStoreError(error) {
      if (error instanceof LeaseLostError) control.abort.abort(error);
      else log.warn({ err: error }, "could not store the text so far");
    },
  });
  const attempt = { ...control, run, claimedAt, output, trace: deps.tracer?.startAttempt(run), log };
  try {
    await work(deps, attempt);
  } catch (error) {
    await output.abandon();
    await leaveToOthers(deps, attempt, error);
  }
}

async function work(deps: RunWork, attempt: Attempt): Promise<void> {
  const { run, output, trace } = attempt;
  deps.meter?.attemptStarted(run.attempt);
  output.emit({ type: "run-start", runId: run.id, attempt: run.attempt });
  if (run.attempt > 1) await truncateRunText(deps.database.db, run, 0);
  const result = await resultOf(deps, attempt);
  await end(deps, attempt, result);
  deps.meter?.runEnded(result.outcome);
  logModelFault(deps.logger, run, result.outcome);
  trace?.runEnded(result);
  deps.logger.info(endFields(deps, attempt, result), "run ended");
}

/** What whoever runs the server can mend. An open circuit says so by itself. */
function logModelFault(logger: Logger, run: ClaimedRun, { status, errorCode, errorMessage }: RunOutcome): void {
  if (status !== "failed" || !errorCode?.startsWith("MODEL_") || errorCode === "MODEL_CIRCUIT_OPEN") return;
  logger.warn({ runId: run.id, errorCode, error: errorMessage }, "the model gave no answer");
}

function endFields({ loop }: RunWork, { run, claimedAt, output }: Attempt, result: RunResult) {
  const firstTextAt = output.firstTextAt();
  return runEndFields({
    run,
    ...result,
    model: loop.model.name,
    queuedMs: run.queuedMs,
    firstTokenMs: firstTextAt === null ? null : run.queuedMs + firstTextAt - claimedAt,
    durationMs: performance.now() - claimedAt,
  });
}

/** Another attempt follows, by the worker that has the run already or by the next one that claims it. */
async function leaveToOthers(deps: RunWork, { run, trace, log }: Attempt, error: unknown): Promise<void> {
  const reason = handoverReason(error);
  deps.meter?.runHandedOver(reason);
  trace?.runHandedOver(reason);
  if (reason === "lease-lost" || reason === "shutdown") return log.info({ reason }, "run handed over");
  if (reason === "database-away") deps.uncountedAttempts.add([run]);
  log.error({ err: error }, "run given up: another attempt follows, unless its end was stored after all");
  await releaseRun(deps.database.db, run, { counts: true }).catch((cause: unknown) =>
    log.warn({ err: cause }, "could not release the run: its lease runs out instead"),
  );
}

function handoverReason(error: unknown): HandoverReason {
  if (error instanceof LeaseLostError) return "lease-lost";
  if (error instanceof ShutdownError) return "shutdown";
  return isDatabaseUnavailable(error) ? "database-away" : "fault";
}

async function resultOf(deps: RunWork, { abort, output, run, trace, untilFresh }: Attempt): Promise<RunResult> {
  const { signal } = abort;
  if (await wasBegunTooOften(deps, run, signal)) {
    return failed("TOO_MANY_ATTEMPTS", `The run was begun ${run.attempt - 1} times and never ended.`, "");
  }
  try {
    return await runAssistant(traced(deps.loop, trace), run, { signal, emit: output.emit, untilFresh });
  } catch (error) {
    if (error instanceof LeaseLostError || signal.aborted || isDatabaseUnavailable(error)) throw error;
    deps.logger.error({ err: error, runId: run.id }, "run failed unexpectedly");
    return failed("INTERNAL", "An unexpected error; the log says more.", output.text());
  }
}

/** The loop with its model calls and tool calls traced as parts of this attempt. */
function traced(loop: RunLoop, trace: AttemptTrace | undefined): RunLoop {
  return trace ? { ...loop, model: createTracedModel(loop.model, trace), trace } : loop;
}

async function wasBegunTooOften({ database }: RunWork, run: ClaimedRun, signal: AbortSignal): Promise<boolean> {
  if (run.attempt > MAX_BEGINNINGS) return true;
  if (run.attempt - run.handovers <= MAX_ATTEMPTS) return false;
  // It rejects only when the run is aborted, which is checked next.
  await pause(UNCOUNTED_GRACE_MS, undefined, { signal }).catch(() => undefined);
  // A run that a person stopped is cancelled, not failed.
  if (signal.reason instanceof StoppedError) return false;
  signal.throwIfAborted();
  return run.attempt - (await countHandovers(database.db, run)) > MAX_ATTEMPTS;
}

async function end(deps: RunWork, { run, output }: Attempt, result: RunResult): Promise<void> {
  const { text } = result;
  const firstTokenAgeMs = await output.close();
  const outcome = storableOutcome(result.outcome);
  const finalText = deps.presenter.finalText(run, outcome, text);
  const completedAt = await endRun(deps.database.db, run, { outcome, text, firstTokenAgeMs, finalText });
  if (outcome.status === "completed") output.emit({ type: "message-completed", text, completedAt });
  output.emit({ type: "run-end", outcome, finalText });
}

/** A model's server words its errors, and may send any characters. */
function storableOutcome(outcome: RunOutcome): RunOutcome {
  if (outcome.status === "completed" || outcome.errorMessage === null) return outcome;
  return { ...outcome, errorMessage: storableText(outcome.errorMessage.slice(0, MAX_ERROR_CHARACTERS)) };
}

function failed(errorCode: string, errorMessage: string, text: string): RunResult {
  return { outcome: { status: "failed", errorCode, errorMessage }, text, rounds: 0, spent: createSpending() };
}
