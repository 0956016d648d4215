/**
 * Work on one claimed run, from its claim to its end: the loop's events to the view and into the store, the end committed
 * before it is told.
 *
 * Which runs are claimed, and when one is aborted, is the worker's matter.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/client.ts";
import { isDatabaseUnavailable } from "../../db/error-code.ts";
import { LeaseLostError } from "../../db/queries/runs/run-claim.ts";
import { type ClaimedRun, countHandovers, releaseRun } from "../../db/queries/runs/run-queue.ts";
import { endRun } from "../../db/queries/runs/run-steps.ts";
import { truncateRunText } from "../../db/queries/runs/run-text.ts";
import { storableText } from "../../db/storable.ts";
import type { RunEvent, RunOutcome } from "../../events.ts";
import type { Logger } from "../../observability/logger.ts";
import type { HandoverReason, RunMeter } from "../../observability/meter.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { MAX_ATTEMPTS, MAX_BEGINNINGS, UNCOUNTED_GRACE_MS } from "../limits.ts";
import { type RunControl, type RunLoop, type RunResult, runAssistant, StoppedError } from "../run.ts";
import { createSpending, runEndFields } from "../run-log.ts";
import type { TextStore } from "../text-store.ts";
import type { UncountedAttempts } from "./uncounted-attempts.ts";

/** Where one run is shown. */
export interface RunView {
  /** Must not throw and must not wait. */
  emit(event: RunEvent): void;
  /** Another process goes on with the run: settles when nothing more is shown from here, and what was is stored. */
  abandon(): Promise<void>;
}

/** Shows runs, and words how one ended. */
export interface RunPresenter {
  open(run: ClaimedRun): RunView;
  /** The whole reply as Markdown: what the Assistant said, and the bot's own sentence when it did not end well. */
  finalText(run: ClaimedRun, outcome: RunOutcome, text: string): string;
}

export interface RunWork {
  database: Database;
  loop: RunLoop;
  presenter: RunPresenter;
  texts: TextStore;
  uncountedAttempts: UncountedAttempts;
  meter?: RunMeter;
  logger: Logger;
}

/** How long what is on its way to be shown may take to end, in milliseconds: a Telegram that is silent holds nothing up. */
const ABANDON_LIMIT_MS = 4_000;

/** Characters of a fault's explanation: some servers answer with a whole page. */
const MAX_ERROR_CHARACTERS = 2_000;

/** Why a run is aborted when the process stops: another one goes on with it. */
export class ShutdownError extends Error {}

/**
 * Works on a run until it ends or `abort` aborts; never throws. With a lost lease, at shutdown, or when its end cannot be
 * stored, it is left as it is: its next attempt goes on from what is stored.
 */
export async function workOnRun(
  deps: RunWork,
  run: ClaimedRun,
  abort: AbortController,
  untilFresh: () => Promise<void>,
): Promise<void> {
  const { database, logger } = deps;
  const claimedAt = performance.now();
  let firstTextAt: number | null = null;
  const log = logger.child({ runId: run.id, threadId: run.threadId, attempt: run.attempt });
  const view = deps.presenter.open(run);
  const texts = deps.texts.open(run, (error) => {
    if (error instanceof LeaseLostError) abort.abort(error);
    else log.warn({ err: error }, "could not store the text so far");
  });
  let said = "";
  const emit = (event: RunEvent) => {
    if (event.type === "text-delta") {
      said += event.delta;
      firstTextAt ??= performance.now();
      texts.append(event.delta);
    }
    view.emit(event);
  };

  try {
    deps.meter?.attemptStarted(run.attempt);
    emit({ type: "run-start", runId: run.id, attempt: run.attempt });
    if (run.attempt > 1) await truncateRunText(database.db, run, 0);
    const result = await resultOf(deps, run, { signal: abort.signal, emit, untilFresh, said: () => said });
    const firstTokenAgeMs = await texts.close();
    await end(deps, run, { ...result, firstTokenAgeMs }, emit);
    deps.meter?.runEnded(result.outcome);
    const firstTokenMs = firstTextAt === null ? null : run.queuedMs + firstTextAt - claimedAt;
    const times = { queuedMs: run.queuedMs, firstTokenMs, durationMs: performance.now() - claimedAt };
    logger.info(runEndFields({ run, ...result, ...times, model: deps.loop.model.name }), "run ended");
  } catch (error) {
    // A message that is on its way must be known before another process goes on, or it would stand there twice.
    await waitUpTo(ABANDON_LIMIT_MS, view.abandon());
    await texts.close();
    const reason = handoverReason(error);
    deps.meter?.runHandedOver(reason);
    if (reason === "lease-lost" || reason === "shutdown") log.info({ reason }, "run handed over");
    else {
      if (reason === "database-away") deps.uncountedAttempts.make([run]);
      await giveUp(deps, run, log, error);
    }
  }
}

function handoverReason(error: unknown): HandoverReason {
  if (error instanceof LeaseLostError) return "lease-lost";
  if (error instanceof ShutdownError) return "shutdown";
  return isDatabaseUnavailable(error) ? "database-away" : "fault";
}

/** Without an end of its own: whoever claims it next goes on, at once unless the database is away for longer. */
async function giveUp({ database }: RunWork, run: ClaimedRun, log: Logger, error: unknown): Promise<void> {
  log.error({ err: error }, "run given up: another attempt follows, unless its end was stored after all");
  await releaseRun(database.db, run, { counts: true }).catch((cause: unknown) =>
    log.warn({ err: cause }, "could not release the run: its lease runs out instead"),
  );
}

async function resultOf(deps: RunWork, run: ClaimedRun, control: RunControl & { said(): string }): Promise<RunResult> {
  if (await wasBegunTooOften(deps, run, control.signal)) {
    return failed("TOO_MANY_ATTEMPTS", `The run was begun ${run.attempt - 1} times and never came to an end.`, "");
  }
  try {
    return await runAssistant(deps.loop, run, control);
  } catch (error) {
    if (error instanceof LeaseLostError || control.signal.aborted || isDatabaseUnavailable(error)) throw error;
    deps.logger.error({ err: error, runId: run.id }, "run failed unexpectedly");
    return failed("INTERNAL", "An unexpected error; the log says more.", control.said());
  }
}

async function wasBegunTooOften({ database }: RunWork, run: ClaimedRun, signal: AbortSignal): Promise<boolean> {
  if (run.attempt > MAX_BEGINNINGS) return true;
  if (run.attempt - run.handovers <= MAX_ATTEMPTS) return false;
  // It rejects only when the run is aborted, which is looked at next.
  await pause(UNCOUNTED_GRACE_MS, undefined, { signal }).catch(() => undefined);
  // Who is stopped does not fail.
  if (signal.reason instanceof StoppedError) return false;
  signal.throwIfAborted();
  return run.attempt - (await countHandovers(database.db, run)) > MAX_ATTEMPTS;
}

async function end(
  deps: RunWork,
  run: ClaimedRun,
  result: RunResult & { firstTokenAgeMs: number | null },
  emit: (event: RunEvent) => void,
): Promise<void> {
  const { text, firstTokenAgeMs } = result;
  const outcome = storableOutcome(result.outcome);
  const finalText = deps.presenter.finalText(run, outcome, text);
  const completedAt = await endRun(deps.database.db, run, { outcome, text, firstTokenAgeMs, finalText });
  if (outcome.status === "completed") emit({ type: "message-completed", text, completedAt });
  emit({ type: "run-end", outcome, finalText });
}

/** What is wrong is told in the words of a server, which may say anything. */
function storableOutcome(outcome: RunOutcome): RunOutcome {
  if (outcome.status === "completed" || outcome.errorMessage === null) return outcome;
  return { ...outcome, errorMessage: storableText(outcome.errorMessage.slice(0, MAX_ERROR_CHARACTERS)) };
}

function failed(errorCode: string, errorMessage: string, text: string): RunResult {
  return { outcome: { status: "failed", errorCode, errorMessage }, text, rounds: 0, spent: createSpending() };
}
