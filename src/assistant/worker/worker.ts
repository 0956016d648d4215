/**
 * A worker: claims runs from the queue, works on many side by side, and keeps their leases.
 *
 * It wakes by notice and looks by itself five times a second. What is done with a run is `work-on-run.ts`'s matter.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Coalescer, createCoalescer } from "../../db/notify/coalesce.ts";
import { type Listener, listen } from "../../db/notify/notify.ts";
import { LeaseLostError } from "../../db/queries/runs/run-claim.ts";
import { type ClaimedRun, claimRun, releaseRun, releaseRuns, releaseStrays } from "../../db/queries/runs/run-queue.ts";
import type { Heartbeat } from "../../db/queries/runs/workers.ts";
import type { Logger } from "../../observability/logger.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { MAX_RUNS_PER_PROCESS } from "../limits.ts";
import { StoppedError } from "../run.ts";
import { createTextStore } from "../text-store.ts";
import { type ActiveRuns, createActiveRuns } from "./active-runs.ts";
import { createUncountedAttempts } from "./uncounted-attempts.ts";
import { type RunWork, ShutdownError, workOnRun } from "./work-on-run.ts";
import { keepWorkerLease, type WorkerLease } from "./worker-lease.ts";

export interface Worker {
  /** This worker's number; it changes when the database was away. */
  id(): number;
  /** Whether it holds its number, as far as it has heard. */
  isAlive(): boolean;
  /** Whether it may act where others see it; a process that was frozen, or lost the database, must not until it is so again. */
  isFresh(): boolean;
  /** Works on one claimed run until it ends; never throws. */
  work(run: ClaimedRun): Promise<void>;
  /** Claims no more runs, waits up to `graceMs` for those under way, and hands the rest over. It lives on until it leaves. */
  stop(graceMs: number): Promise<void>;
  /** Lets its number go, and with it all that it has: from now on that is another's. Stops first where that was not done. */
  leave(): Promise<void>;
}

/** How often the queue is looked at without a notice, in milliseconds: how soon a dead worker's run is taken over. */
const LOOK_INTERVAL_MS = 200;
/**
 * Pause between two claims in a rush, in milliseconds: runs that begin take the time in which messages are stored. With five
 * a second those who wrote first do not wait for the last.
 */
const RUSH_INTERVAL_MS = 200;
/** How long after its claim a run may be about to begin, in milliseconds: signs of life may follow each other closely. */
const STRAY_MS = 2_000;
/** How long an aborted run may take to end, in milliseconds: a database that is silent must not hold the process up. */
const END_LIMIT_MS = 5_000;

/** What the parts of one worker share. */
interface Post extends RunWork {
  lock: WorkerLease;
  active: ActiveRuns<ClaimedRun>;
  bell: ReturnType<typeof createBell>;
  /** Tells admins who follow that a run was begun. */
  changes: Coalescer;
  stopping: boolean;
  isOverloaded?(): boolean;
}

export interface WorkerDeps extends Omit<RunWork, "texts" | "uncountedAttempts"> {
  /** Its number is dead: what it had may be another's from now on. */
  onLost?(): void;
  /** How many workers of the bot live, this one among them; told with each sign of life. */
  onLiveWorkers?(count: number): void;
  /** Whether more is asked than can be answered: what comes in is to be stored first, and runs begin one by one. */
  isOverloaded?(): boolean;
}

/**
 * Starts a worker. With `botId` it claims the runs of that bot's chats; with null it only works on what it is given.
 */
export async function startWorker(deps: WorkerDeps, botId: number | null): Promise<Worker> {
  const { database, logger } = deps;
  const bell = createBell();
  const active = createActiveRuns<ClaimedRun>(bell.ring);
  const uncountedAttempts = createUncountedAttempts(database.db, logger);
  /** Since when each run is held and not worked on, by a clock that never goes back. */
  let idleSince = new Map<string, number>();
  const giveBackStrays = (idle: string[]) => {
    const now = performance.now();
    idleSince = new Map(idle.map((id) => [id, idleSince.get(id) ?? now]));
    const left = idle.filter((id) => now - (idleSince.get(id) ?? now) >= STRAY_MS);
    if (left.length === 0) return;
    logger.warn({ runIds: left }, "runs were claimed and not heard of: they are given back");
    releaseStrays(database.db, lock.workerId(), left).catch((error: unknown) =>
      logger.warn({ err: error }, "could not give runs back: their leases run out instead"),
    );
  };
  let hearing: Awaited<ReturnType<typeof keepListening>> | undefined;
  const lock = await keepWorkerLease(database, {
    botId,
    logger,
    runIds: active.ids,
    onBeat({ runs, liveWorkers }, asked) {
      deps.onLiveWorkers?.(liveWorkers);
      abortLost(active, { asked, held: runs });
      giveBackStrays(runs.flatMap(({ id }) => (active.has(id) ? [] : [id])));
    },
    onLost() {
      uncountedAttempts.make(active.all());
      active.abortAll((runId) => new LeaseLostError(runId));
      deps.onLost?.();
    },
    onTaken() {
      bell.ring();
      // The lock may be lost and taken again before the first listener stands.
      hearing?.renew();
    },
  });
  const changes = createCoalescer(database.db, (error) =>
    logger.warn({ err: error }, "could not tell that a run was begun"),
  );
  const texts = createTextStore(database.db);
  const post: Post = { ...deps, texts, uncountedAttempts, lock, active, bell, changes, stopping: false };
  hearing = await keepListening(() => listenForRuns(post), logger);
  const claiming = botId === null ? Promise.resolve() : claimLoop(post, botId);

  return {
    id: lock.workerId,
    isAlive: lock.isAlive,
    isFresh: lock.isFresh,
    work: (run) => work(post, run),
    async stop(graceMs) {
      post.stopping = true;
      bell.ring();
      await waitUpTo(END_LIMIT_MS, claiming);
      await active.allDone(graceMs);
      active.abortAll(() => new ShutdownError("the process stops"));
      await active.allDone(END_LIMIT_MS);
      await waitUpTo(END_LIMIT_MS, handOver(deps, lock.workerId()));
    },
    async leave() {
      post.stopping = true;
      await hearing?.close();
      await lock.release();
    },
  };
}

function listenForRuns({ database, logger, active, bell }: Post): Promise<Listener> {
  return listen(database, {
    onNotification(notification) {
      if (notification.type === "run-queued") bell.ring();
      if (notification.type === "run-stop") active.stop(notification.runId, new StoppedError());
    },
    onGap: bell.ring,
    onIgnored: (reason) => logger.warn({ reason }, "ignored an unknown notification"),
  });
}

/** Listens, and anew when it is told to: where the network was cut off, the old connection may never notice. */
async function keepListening(begin: () => Promise<Listener>, logger: Logger) {
  let listener = await begin();
  const renewNow = async () => {
    const old = listener;
    try {
      listener = await begin();
      await old.close();
    } catch (error) {
      logger.warn({ err: error }, "could not listen anew: the queue is looked at all the same");
    }
  };
  let renewal = Promise.resolve();
  return {
    /** One after the other: of two at once, one listener would be left behind. */
    renew(): void {
      renewal = renewal.then(renewNow);
    },
    close: () => listener.close(),
  };
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
    // It must not act, or its number died while the claim was on its way: another takes the run at once.
    if (!post.lock.isAlive() || run.workerId !== post.lock.workerId()) {
      return releaseRun(post.database.db, run, { counts: false });
    }
    void work(post, run);
    post.changes.notify({ type: "changed" });
    // What a dead process left is shown to people already: it does not wait.
    if (run.attempt === 1 && post.isOverloaded?.()) await pause(RUSH_INTERVAL_MS);
  }
}

function work(post: Post, run: ClaimedRun): Promise<void> {
  return post.active.begin(run, (abort) => {
    if (run.stopRequested) abort.abort(new StoppedError());
    return workOnRun(post, run, abort, () => post.lock.untilFresh(abort.signal));
  });
}

/** What a worker works on beside the runs that it still holds was taken over, or has been stopped. */
function abortLost(
  active: ActiveRuns<ClaimedRun>,
  { asked, held }: { asked: readonly string[]; held: Heartbeat["runs"] },
): void {
  const stopRequested = new Map(held.map((run) => [run.id, run.stopRequested]));
  for (const runId of asked) {
    if (!stopRequested.has(runId)) active.abort(runId, new LeaseLostError(runId));
    else if (stopRequested.get(runId)) active.abort(runId, new StoppedError());
  }
}

async function handOver(
  { database, logger }: Pick<WorkerDeps, "database" | "logger">,
  workerId: number,
): Promise<void> {
  await releaseRuns(database.db, workerId).catch((error: unknown) =>
    logger.warn({ err: error }, "could not release the runs: their leases run out instead"),
  );
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
