/**
 * A worker's lease: its lock is held, heartbeats renew the lease, and a lock that is lost is taken again under a new number.
 * The old number counts as dead by then.
 *
 * The lease exists before the bot and the worker, and both ask it who they are and whether they may act.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/client.ts";
import { type Heartbeat, LEASE_SECONDS } from "../../db/queries/runs/workers.ts";
import { takeWorkerLock, type WorkerLock } from "../../db/worker-lock.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { ALIVE_MS, createLiveness, type Liveness, readClocks, TICK_MS } from "./liveness.ts";

/** Who a process is among the workers. */
export interface WorkerIdentity {
  /** The number under which the worker is alive now. It changes when the lock was lost. */
  id(): number;
  /** Whether the worker holds its number, as far as it knows. */
  isAlive(): boolean;
  /**
   * Whether it may act where others see it. A process that was frozen, or that lost the database, may not until the
   * database has renewed its lease. Asking changes nothing.
   */
  isFresh(): boolean;
}

/** The work that a lease covers. */
export interface LeasedWork {
  /** The runs that are worked on. Their leases are renewed with the worker's own. */
  runIds(): string[];
  /** The lease was renewed. `askedRunIds` are the runs that the heartbeat was sent for: others may have begun since. */
  onHeartbeat(heartbeat: Heartbeat, askedRunIds: readonly string[]): void;
  /** The lock is gone: from now on another worker may have what this one had. Called at once. */
  onLost(): void;
  /** The database is back, and the lock is held under a new number. */
  onRetaken(): void;
}

export interface WorkerLease extends WorkerIdentity {
  /** The bot for whose chats the worker works; null for a terminal. */
  readonly botId: number | null;
  /**
   * Covers this work from now on. Settles after a heartbeat, or at once while the lock is being taken again.
   *
   * @throws when the database does not answer it.
   */
  cover(work: LeasedWork): Promise<void>;
  /** Waits until the worker is fresh. Rejects with the signal's reason when that aborts first. */
  untilFresh(signal: AbortSignal): Promise<void>;
  /** Ends the heartbeats and releases the lock. */
  release(): Promise<void>;
}

/** Four heartbeats fit into a lease: three may fail in a row. In milliseconds. */
const HEARTBEAT_INTERVAL_MS = LEASE_SECONDS * 250;
/** How long the database may take to give the lock, in milliseconds. */
const TAKE_LIMIT_MS = 5_000;
/** How often to check whether a worker is fresh again, in milliseconds. */
const FRESH_CHECK_MS = 50;
/** Pause before the database is tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 500;

interface LeaseState {
  readonly database: Database;
  readonly botId: number | null;
  readonly logger: Logger;
  readonly liveness: Liveness;
  readonly released: AbortController;
  lock: WorkerLock;
  work: LeasedWork;
  heartbeat: Promise<void> | null;
  retaking: Promise<void> | null;
}

const NO_WORK: LeasedWork = {
  runIds: () => [],
  onHeartbeat: () => undefined,
  onLost: () => undefined,
  onRetaken: () => undefined,
};

/** Takes a worker's number and lock, and keeps them until `release`. The lease covers no work yet. */
export async function takeWorkerLease(
  database: Database,
  { botId, logger }: { botId: number | null; logger: Logger },
): Promise<WorkerLease> {
  const common = { database, botId, logger, liveness: createLiveness() };
  const state: LeaseState = {
    ...common,
    lock: await takeLock(common, (lock) => lose(state, lock)),
    released: new AbortController(),
    work: NO_WORK,
    heartbeat: null,
    retaking: null,
  };
  const timers = [
    setInterval(() => sendHeartbeat(state), HEARTBEAT_INTERVAL_MS),
    setInterval(() => tick(state), TICK_MS),
  ];
  return {
    botId,
    id: () => state.lock.workerId,
    isAlive: common.liveness.isAlive,
    isFresh: common.liveness.isFresh,
    untilFresh: (signal) => untilFresh(state, signal),
    async cover(work) {
      state.work = work;
      // A heartbeat that is under way reports to the new work.
      if (!state.retaking) await (state.heartbeat ?? renew(state));
    },
    async release() {
      state.released.abort();
      for (const timer of timers) clearInterval(timer);
      if (state.retaking) await waitUpTo(TAKE_LIMIT_MS, state.retaking);
      await state.lock.release();
    },
  };
}

async function untilFresh(state: LeaseState, signal: AbortSignal): Promise<void> {
  const { liveness } = state;
  signal.throwIfAborted();
  while (!liveness.isFresh()) {
    tick(state);
    sendHeartbeat(state);
    await pause(FRESH_CHECK_MS);
    signal.throwIfAborted();
  }
}

/**
 * Notices a break of the process, and asks the database at once who this worker is now. After a break longer than a lease there
 * is nothing to ask: calls that were about to be made when the process was frozen must end before they are.
 */
function tick(state: LeaseState): void {
  const { liveness, lock } = state;
  liveness.tick();
  if (liveness.hasExpired()) lose(state, lock);
  else if (liveness.needsHeartbeat()) sendHeartbeat(state);
}

/** Sends a heartbeat unless one is under way. A worker that cannot renew its lease gives its lock up. */
function sendHeartbeat(state: LeaseState): void {
  const { lock, logger } = state;
  if (state.heartbeat || state.retaking) return;
  renew(state).catch((error: unknown) => {
    logger.warn({ err: error }, "could not renew the worker's lease");
    lose(state, lock);
  });
}

function renew(state: LeaseState): Promise<void> {
  state.heartbeat = renewNow(state).finally(() => {
    state.heartbeat = null;
  });
  return state.heartbeat;
}

async function renewNow(state: LeaseState): Promise<void> {
  const { lock, liveness } = state;
  const sentAt = readClocks();
  const runIds = state.work.runIds();
  const heartbeat = await lock.renew(runIds, ALIVE_MS);
  if (lock !== state.lock || state.retaking) return;
  if (!heartbeat) return lose(state, lock);
  liveness.confirm(sentAt);
  state.work.onHeartbeat(heartbeat, runIds);
}

function lose(state: LeaseState, lost: WorkerLock): void {
  const { work, liveness, logger, released } = state;
  if (state.retaking || released.signal.aborted || lost !== state.lock) return;
  liveness.expire();
  logger.warn({ workerId: lost.workerId }, "lost the worker's lock: giving up its runs");
  work.onLost();
  state.retaking = retake(state);
  lost.release().catch((error: unknown) => logger.debug({ err: error }, "could not release a lost lock"));
}

async function retake(state: LeaseState): Promise<void> {
  const { logger, released } = state;
  const take = async () => {
    state.lock = await takeLock(state, (lock) => lose(state, lock));
  };
  await retry(take, {
    firstMs: RETRY_INTERVAL_MS,
    signal: released.signal,
    onRetry: ({ error }) => logger.warn({ err: error }, "the database is unavailable"),
  }).catch(() => undefined); // Only the release ends the retries.
  state.retaking = null;
  if (!released.signal.aborted) state.work.onRetaken();
}

async function takeLock(
  { database, botId, liveness }: Pick<LeaseState, "database" | "botId" | "liveness">,
  onLost: (lock: WorkerLock) => void,
): Promise<WorkerLock> {
  let lock: WorkerLock | undefined;
  const sentAt = readClocks();
  // The connection of a failed attempt is lost as well: then there is no lock to lose.
  lock = await takeWorkerLock(database, { botId, limitMs: TAKE_LIMIT_MS, onLost: () => lock && onLost(lock) });
  liveness.confirm(sentAt);
  return lock;
}
