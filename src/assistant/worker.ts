/**
 * A worker: claims runs from the queue, works on many side by side, and keeps their leases.
 *
 * It wakes by notice and, should one be lost, every second. How an answer is made is `run.ts`'s matter; where it is shown
 * is the view's, which `main` gives it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../db/client.ts";
import { type Listener, listen } from "../db/notify.ts";
import {
  type ClaimedRun,
  claimRun,
  endRun,
  LEASE_SECONDS,
  LeaseLostError,
  releaseRuns,
  renewLeases,
  truncateRunText,
} from "../db/queries/runs.ts";
import { takeWorkerLock, type WorkerLock } from "../db/worker-lock.ts";
import type { RunEvent, RunOutcome } from "../events.ts";
import type { Logger } from "../logger.ts";
import { MAX_ATTEMPTS, MAX_RUNS_PER_PROCESS } from "./limits.ts";
import { type RunLoop, type RunResult, runAssistant, StoppedError } from "./run.ts";
import { createTextStore } from "./text-store.ts";

/** Where one run is shown. */
export interface RunView {
  /** Must not throw and must not wait. */
  emit(event: RunEvent): void;
  /** Another process goes on with the run: nothing more is to be shown from here. */
  abandon(): void;
}

/** Shows runs, and words how one ended. */
export interface RunStage {
  open(run: ClaimedRun): RunView;
  /** The whole reply as Markdown: what the Assistant said, and the bot's own sentence when it did not end well. */
  finalText(run: ClaimedRun, outcome: RunOutcome, text: string): string;
}

export interface WorkerDeps {
  database: Database;
  loop: RunLoop;
  stage: RunStage;
  logger: Logger;
}

export interface Worker {
  /** This worker's number; it changes when the database was away. */
  id(): number;
  /** Works on one claimed run until it ends; never throws. */
  work(run: ClaimedRun): Promise<void>;
  /** Claims no more runs, waits up to `graceMs` for those under way, and hands the rest over. */
  stop(graceMs: number): Promise<void>;
}

/** How often the queue is looked at without a notice, in milliseconds: how soon a dead worker's run is taken over. */
const LOOK_INTERVAL_MS = 1_000;
/** Pause before the database is tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 500;

class ShutdownError extends Error {}

/**
 * Starts a worker. With `botId` it claims the runs of that bot's chats; with null it only works on what it is given.
 */
export async function startWorker(deps: WorkerDeps, botId: number | null): Promise<Worker> {
  const { database, logger } = deps;
  const active = new Map<string, { abort: AbortController; done: Promise<void> }>();
  const bell = createBell();
  let stopping = false;
  let lock: WorkerLock;
  let relocking: Promise<void> | null = null;

  const abortRun = (runId: string, reason: Error) => active.get(runId)?.abort.abort(reason);
  const abortAll = (reason: (runId: string) => Error) => {
    for (const runId of active.keys()) abortRun(runId, reason(runId));
  };
  const onLockLost = () => {
    abortAll((runId) => new LeaseLostError(runId));
    // A try that fails tells of a lost lock as well.
    if (relocking) return;
    logger.warn("lost the worker's lock: its runs are given up");
    relocking = retry(async () => {
      lock = await takeWorkerLock(database, onLockLost);
      bell.ring();
    }).finally(() => {
      relocking = null;
    });
  };
  const retry = async (attempt: () => Promise<void>) => {
    while (!stopping) {
      try {
        return await attempt();
      } catch (error) {
        logger.warn({ err: error }, "the database is away");
        await pause(RETRY_INTERVAL_MS);
      }
    }
  };

  const work = (run: ClaimedRun): Promise<void> => {
    const abort = new AbortController();
    if (run.stopRequested) abort.abort(new StoppedError());
    const done = workOn(deps, run, abort).finally(() => {
      // Unless this worker has taken the same run over from itself meanwhile.
      if (active.get(run.id)?.abort === abort) active.delete(run.id);
      bell.ring();
    });
    active.set(run.id, { abort, done });
    return done;
  };
  const claimAll = async (forBot: number) => {
    while (!stopping && active.size < MAX_RUNS_PER_PROCESS) {
      const run = await claimRun(database.db, { workerId: lock.workerId, botId: forBot });
      if (!run) return;
      void work(run);
    }
  };
  const claimLoop = async (forBot: number) => {
    while (!stopping) {
      const rung = bell.wait(LOOK_INTERVAL_MS);
      await claimAll(forBot).catch((error: unknown) => logger.warn({ err: error }, "could not claim a run"));
      await rung;
    }
  };
  const renew = async () => {
    if (active.size === 0) return;
    const working = [...active.keys()];
    const renewed = await renewLeases(database.db, lock.workerId, working);
    const held = new Map(renewed.map((run) => [run.id, run.stopRequested]));
    for (const runId of working) {
      if (!held.has(runId)) abortRun(runId, new LeaseLostError(runId));
      else if (held.get(runId)) abortRun(runId, new StoppedError());
    }
  };

  lock = await takeWorkerLock(database, onLockLost);
  const listener: Listener = await listen(database, {
    onNotice(notice) {
      if (notice.type === "run-queued") bell.ring();
      if (notice.type === "run-stop") abortRun(notice.runId, new StoppedError());
    },
    onGap: () => bell.ring(),
    onIgnored: (reason) => logger.warn({ reason }, "ignored a notice"),
  });
  const renewTimer = setInterval(() => {
    renew().catch((error: unknown) => logger.warn({ err: error }, "could not renew the leases"));
  }, LEASE_SECONDS * 250);
  const claiming = botId === null ? Promise.resolve() : claimLoop(botId);

  return {
    id: () => lock.workerId,
    work,
    async stop(graceMs) {
      stopping = true;
      bell.ring();
      await claiming;
      const all = Promise.all([...active.values()].map(({ done }) => done));
      const graceOver = new AbortController();
      await Promise.race([all, pause(graceMs, undefined, { signal: graceOver.signal }).catch(ignoreAbort)]);
      graceOver.abort();
      abortAll(() => new ShutdownError("the process stops"));
      await Promise.all([...active.values()].map(({ done }) => done));
      clearInterval(renewTimer);
      await releaseRuns(database.db, lock.workerId).catch((error: unknown) =>
        logger.warn({ err: error }, "could not release the runs: their leases run out instead"),
      );
      await listener.close();
      await relocking;
      await lock.release();
    },
  };
}

async function workOn(deps: WorkerDeps, run: ClaimedRun, abort: AbortController): Promise<void> {
  const { database, logger } = deps;
  const startedAt = performance.now();
  const log = logger.child({ runId: run.id, threadId: run.threadId, attempt: run.attempt });
  const view = deps.stage.open(run);
  const texts = createTextStore(database.db, run, (error) => {
    if (error instanceof LeaseLostError) abort.abort(error);
    else log.warn({ err: error }, "could not store the text so far");
  });
  let said = "";
  const emit = (event: RunEvent) => {
    if (event.type === "text-delta") {
      said += event.delta;
      texts.append(event.delta);
    }
    view.emit(event);
  };

  try {
    emit({ type: "run-start", runId: run.id, attempt: run.attempt });
    if (run.attempt > 1) await truncateRunText(database.db, run, 0);
    const result = await resultOf(deps, run, { signal: abort.signal, emit, said: () => said });
    await texts.close();
    await end(deps, run, result, emit);
    log.info(
      {
        outcome: result.outcome.status,
        errorCode: result.outcome.errorCode,
        rounds: result.rounds,
        durationMs: Math.round(performance.now() - startedAt),
      },
      "run ended",
    );
  } catch (error) {
    await texts.close();
    view.abandon();
    if (error instanceof LeaseLostError || error instanceof ShutdownError) log.info("run handed over");
    else log.error({ err: error }, "run given up: another attempt follows");
  }
}

async function resultOf(
  deps: WorkerDeps,
  run: ClaimedRun,
  control: { signal: AbortSignal; emit(event: RunEvent): void; said(): string },
): Promise<RunResult> {
  if (run.attempt > MAX_ATTEMPTS) {
    return failed("TOO_MANY_ATTEMPTS", `The run was begun ${MAX_ATTEMPTS} times and never came to an end.`, "");
  }
  try {
    return await runAssistant(deps.loop, run, control);
  } catch (error) {
    if (error instanceof LeaseLostError || control.signal.aborted) throw error;
    deps.logger.error({ err: error, runId: run.id }, "run failed unexpectedly");
    return failed("INTERNAL", "An unexpected error; the log says more.", control.said());
  }
}

async function end(
  deps: WorkerDeps,
  run: ClaimedRun,
  result: RunResult,
  emit: (event: RunEvent) => void,
): Promise<void> {
  const { outcome, text } = result;
  const completedAt = deps.loop.now();
  const finalText = deps.stage.finalText(run, outcome, text);
  await endRun(deps.database.db, run, { outcome, text, completedAt, finalText });
  if (outcome.status === "completed") emit({ type: "message-completed", text, completedAt });
  emit({ type: "run-end", outcome, finalText });
}

function failed(errorCode: string, errorMessage: string, text: string): RunResult {
  return { outcome: { status: "failed", errorCode, errorMessage }, text, rounds: 0 };
}

/** A bell that a loop waits for: a ring between two waits is heard too. */
function createBell() {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    async wait(timeoutMs: number): Promise<void> {
      const ring = rung;
      const cancel = new AbortController();
      await Promise.race([ring.promise, pause(timeoutMs, undefined, { signal: cancel.signal }).catch(ignoreAbort)]);
      cancel.abort();
      if (rung === ring) rung = Promise.withResolvers();
    },
  };
}

/** The pause was cut short on purpose. */
function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== "AbortError") throw error;
}
