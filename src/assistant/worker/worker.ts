/**
 * A worker: claims runs from the queue and works on many at once, under its lease.
 *
 * It wakes on notifications, and polls the queue five times a second. What is done with a run is in `work-on-run.ts`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Coalescer, createCoalescer } from "../../db/notify/coalesce.ts";
import { LeaseLostError } from "../../db/queries/runs/run-claim.ts";
import { type ClaimedRun, claimRun, releaseRun, releaseRuns } from "../../db/queries/runs/run-queue.ts";
import type { Heartbeat } from "../../db/queries/runs/workers.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { MAX_RUNS_PER_PROCESS } from "../limits.ts";
import { StoppedError } from "../run.ts";
import { createTextStore } from "../text-store.ts";
import { type ActiveRuns, createActiveRuns } from "./active-runs.ts";
import { listenToQueue } from "./queue-listener.ts";
import { createStrayRuns, type StrayRuns } from "./stray-runs.ts";
import { createUncountedAttempts } from "./uncounted-attempts.ts";
import { createWakeSignal, type WakeSignal } from "./wake-signal.ts";
import { type RunWork, ShutdownError, workOnRun } from "./work-on-run.ts";
import type { WorkerLease } from "./worker-lease.ts";

export interface Worker {
  /** Works on one claimed run until it ends; never throws. */
  work(run: ClaimedRun): Promise<void>;
  /**
   * Claims no more runs, waits up to `graceMs` for those under way, and hands the rest over. The lease stays: what is
   * delivered after this is still this worker's.
   */
  stop(graceMs: number): Promise<void>;
}

export interface WorkerDeps extends Omit<RunWork, "texts" | "uncountedAttempts"> {
  /** The worker claims the runs of the lease's bot. Without a bot it works only on what it is given. */
  lease: WorkerLease;
  /** The lock is lost: from now on another worker may have what this one had. */
  onLost?(): void;
  /** How many workers of the bot live, this one included. Called at each heartbeat. */
  onLiveWorkers?(count: number): void;
  /** Whether more messages arrive than can be answered. Then they are stored first, and runs begin one by one. */
  isOverloaded?(): boolean;
}

/** How often the queue is polled without a notification, in milliseconds: how soon a dead worker's run is taken over. */
const POLL_INTERVAL_MS = 200;
/**
 * Pause between two claims under overload, in milliseconds: runs that begin take the time in which messages are stored. With
 * five claims a second, the people who wrote first do not wait for the last.
 */
const OVERLOAD_INTERVAL_MS = 200;
/** How long an aborted run may take to end, in milliseconds: a silent database must not hold the process up. */
const END_LIMIT_MS = 5_000;

interface WorkerState extends WorkerDeps, RunWork {
  active: ActiveRuns<ClaimedRun>;
  wakeSignal: WakeSignal;
  strays: StrayRuns;
  /** Tells the subscriptions of admins that a run has begun. */
  changes: Coalescer;
  isStopping: boolean;
}

/** Starts a worker. */
export async function startWorker(deps: WorkerDeps): Promise<Worker> {
  const { database, lease, logger } = deps;
  const state = createState(deps);
  const { active, wakeSignal } = state;
  const listener = await listenToQueue({
    database,
    onQueued: wakeSignal.wake,
    onStop: (runId) => active.abort(runId, new StoppedError()),
    logger,
  });
  await lease.cover({
    runIds: active.ids,
    onHeartbeat: (heartbeat, askedRunIds) => takeHeartbeat(state, heartbeat, askedRunIds),
    onLost: () => giveUpAll(state),
    onRetaken: wakeSignal.wake,
  });
  const claiming = claimLoop(state);
  return {
    work: (run) => work(state, run),
    async stop(graceMs) {
      state.isStopping = true;
      wakeSignal.wake();
      await waitUpTo(END_LIMIT_MS, claiming);
      await active.allDone(graceMs);
      active.abortAll(() => new ShutdownError("the process stops"));
      await active.allDone(END_LIMIT_MS);
      await waitUpTo(END_LIMIT_MS, handOver(state));
      await listener.close();
    },
  };
}

function createState(deps: WorkerDeps): WorkerState {
  const { db } = deps.database;
  const { logger } = deps;
  const wakeSignal = createWakeSignal();
  return {
    ...deps,
    wakeSignal,
    active: createActiveRuns(wakeSignal.wake),
    strays: createStrayRuns(db, logger),
    changes: createCoalescer(db, (error) => logger.warn({ err: error }, "could not publish that a run has begun")),
    texts: createTextStore(db),
    uncountedAttempts: createUncountedAttempts(db, logger),
    isStopping: false,
  };
}

/** Aborts the runs that another worker took over or that somebody stopped, and gives back those that are not worked on. */
function takeHeartbeat(state: WorkerState, { runs, liveWorkers }: Heartbeat, askedRunIds: readonly string[]): void {
  const { active, lease, strays } = state;
  state.onLiveWorkers?.(liveWorkers);
  const stopRequested = new Map(runs.map((run) => [run.id, run.stopRequested]));
  for (const runId of askedRunIds) {
    if (!stopRequested.has(runId)) active.abort(runId, new LeaseLostError(runId));
    else if (stopRequested.get(runId)) active.abort(runId, new StoppedError());
  }
  strays.check(
    lease.id(),
    runs.flatMap(({ id }) => (active.has(id) ? [] : [id])),
  );
}

function giveUpAll({ active, onLost, uncountedAttempts }: WorkerState): void {
  uncountedAttempts.add(active.all());
  active.abortAll((runId) => new LeaseLostError(runId));
  onLost?.();
}

async function claimLoop(state: WorkerState): Promise<void> {
  const { botId } = state.lease;
  if (botId === null) return;
  while (!state.isStopping) {
    const woken = state.wakeSignal.wait(POLL_INTERVAL_MS);
    await claimAll(state, botId).catch((error: unknown) => state.logger.warn({ err: error }, "could not claim a run"));
    await woken;
  }
}

async function claimAll(state: WorkerState, botId: number): Promise<void> {
  const { active, database, lease } = state;
  while (!state.isStopping && active.size() < MAX_RUNS_PER_PROCESS) {
    const run = await claimRun(database.db, { workerId: lease.id(), botId });
    if (!run) return;
    // It must not act, or its number died while the claim was on its way: another worker takes the run at once.
    if (!lease.isAlive() || run.workerId !== lease.id()) {
      return releaseRun(database.db, run, { counts: false });
    }
    void work(state, run);
    state.changes.notify({ type: "changed" });
    // A run that a dead process left is visible to people already: it does not wait.
    if (run.attempt === 1 && state.isOverloaded?.()) await pause(OVERLOAD_INTERVAL_MS);
  }
}

function work(state: WorkerState, run: ClaimedRun): Promise<void> {
  return state.active.begin(run, (abort) => {
    if (run.stopRequested) abort.abort(new StoppedError());
    return workOnRun(state, run, { abort, untilFresh: () => state.lease.untilFresh(abort.signal) });
  });
}

async function handOver({ database, lease, logger }: WorkerState): Promise<void> {
  await releaseRuns(database.db, lease.id()).catch((error: unknown) =>
    logger.warn({ err: error }, "could not release the runs: their leases run out instead"),
  );
}
