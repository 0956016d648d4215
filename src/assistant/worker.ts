/**
 * A worker: claims runs from the queue, works on many side by side, and keeps their leases.
 *
 * It wakes by notice and, should one be lost, every second. What is done with a run is `work-on-run.ts`'s matter.
 */
import { type Listener, listen } from "../db/notify.ts";
import {
  type ClaimedRun,
  claimRun,
  LEASE_SECONDS,
  LeaseLostError,
  releaseRuns,
  renewLeases,
} from "../db/queries/run-queue.ts";
import { waitUpTo } from "../wait-up-to.ts";
import { type ActiveRuns, createActiveRuns } from "./active-runs.ts";
import { type KeptLock, keepWorkerLock } from "./kept-lock.ts";
import { MAX_RUNS_PER_PROCESS } from "./limits.ts";
import { StoppedError } from "./run.ts";
import { createTextStore } from "./text-store.ts";
import { type RunWork, ShutdownError, workOnRun } from "./work-on-run.ts";

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
/** Four renewals fit into a lease: three may fail in a row. */
const RENEW_INTERVAL_MS = LEASE_SECONDS * 250;

/** What the parts of one worker share. */
interface Post extends RunWork {
  lock: KeptLock;
  active: ActiveRuns;
  bell: ReturnType<typeof createBell>;
  stopping: boolean;
}

/**
 * Starts a worker. With `botId` it claims the runs of that bot's chats; with null it only works on what it is given.
 */
export async function startWorker(deps: Omit<RunWork, "texts">, botId: number | null): Promise<Worker> {
  const { database, logger } = deps;
  const bell = createBell();
  const active = createActiveRuns(bell.ring);
  const lock = await keepWorkerLock(database, {
    logger,
    onLost: () => active.abortAll((runId) => new LeaseLostError(runId)),
    onTaken: bell.ring,
  });
  const post: Post = { ...deps, texts: createTextStore(database.db), lock, active, bell, stopping: false };
  const listener = await listenForRuns(post);
  const renewTimer = setInterval(() => {
    renew(post).catch((error: unknown) => logger.warn({ err: error }, "could not renew the leases"));
  }, RENEW_INTERVAL_MS);
  const claiming = botId === null ? Promise.resolve() : claimLoop(post, botId);

  return {
    id: lock.workerId,
    work: (run) => work(post, run),
    async stop(graceMs) {
      post.stopping = true;
      bell.ring();
      await claiming;
      await active.allDone(graceMs);
      active.abortAll(() => new ShutdownError("the process stops"));
      await active.allDone();
      clearInterval(renewTimer);
      await releaseRuns(database.db, lock.workerId()).catch((error: unknown) =>
        logger.warn({ err: error }, "could not release the runs: their leases run out instead"),
      );
      await listener.close();
      await lock.release();
    },
  };
}

function listenForRuns({ database, logger, active, bell }: Post): Promise<Listener> {
  return listen(database, {
    onNotice(notice) {
      if (notice.type === "run-queued") bell.ring();
      if (notice.type === "run-stop") active.stop(notice.runId, new StoppedError());
    },
    onGap: bell.ring,
    onIgnored: (reason) => logger.warn({ reason }, "ignored a notice"),
  });
}

async function claimLoop(post: Post, botId: number): Promise<void> {
  while (!post.stopping) {
    const rung = post.bell.wait(LOOK_INTERVAL_MS);
    await claimAll(post, botId).catch((error: unknown) => post.logger.warn({ err: error }, "could not claim a run"));
    await rung;
  }
}

async function claimAll(post: Post, botId: number): Promise<void> {
  while (!post.stopping && post.active.size() < MAX_RUNS_PER_PROCESS) {
    const run = await claimRun(post.database.db, { workerId: post.lock.workerId(), botId });
    if (!run) return;
    void work(post, run);
  }
}

function work(post: Post, run: ClaimedRun): Promise<void> {
  return post.active.begin(run.id, (abort) => {
    if (run.stopRequested) abort.abort(new StoppedError());
    return workOnRun(post, run, abort);
  });
}

async function renew({ database, lock, active }: Post): Promise<void> {
  if (active.size() === 0) return;
  const working = active.ids();
  const renewed = await renewLeases(database.db, lock.workerId(), working);
  const held = new Map(renewed.map((run) => [run.id, run.stopRequested]));
  for (const runId of working) {
    if (!held.has(runId)) active.abort(runId, new LeaseLostError(runId));
    else if (held.get(runId)) active.abort(runId, new StoppedError());
  }
}

/** A bell that a loop waits for: a ring between two waits is heard too. */
function createBell() {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    async wait(timeoutMs: number): Promise<void> {
      const ring = rung;
      await waitUpTo(timeoutMs, ring.promise);
      if (rung === ring) rung = Promise.withResolvers();
    },
  };
}
