/**
 * A worker's lock that is kept: its lease renewed, and when it is lost, taken again under a new number. The old one counts as
 * dead by then.
 *
 * It also says whether the worker may be believed right now. One that was frozen wakes up in the middle of whatever it did,
 * while another does the same already: until it has heard from the database again it must not act where others can see it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/client.ts";
import { type Heartbeat, LEASE_SECONDS } from "../../db/queries/runs/workers.ts";
import { takeWorkerLock, type WorkerLock } from "../../db/worker-lock.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";
import { waitUpTo } from "../../process/timeout.ts";

export interface WorkerLease {
  /** The number under which this worker is alive now. */
  workerId(): number;
  /** Whether the last sign of life is younger than half a lease, by a clock that no one sets. */
  isAlive(): boolean;
  /** Whether it may act where others see it: alive, and with a sign of life since it last stood still for a moment. */
  isFresh(): boolean;
  /** Waits until it is fresh; rejects with the signal's reason when that aborts first. */
  untilFresh(signal: AbortSignal): Promise<void>;
  /** Stops keeping it, and lets it go. */
  release(): Promise<void>;
}

export interface WorkerLeaseOptions {
  botId: number | null;
  logger: Logger;
  /** The runs that it works on, whose leases are renewed with its own. */
  runIds(): string[];
  /** Hears of each renewal, and for which runs it was asked: others may have begun since. */
  onBeat(heartbeat: Heartbeat, askedRunIds: readonly string[]): void;
  /** Hears at once when the lock is gone: what was the worker's may be another's from now on. */
  onLost(): void;
  /** The database is back, and the lock held under a new number. */
  onTaken(): void;
}

/** Four beats fit into a lease: three may fail in a row. */
const BEAT_INTERVAL_MS = LEASE_SECONDS * 250;
/** Half a lease: whoever is older than this acts no more, well before another takes over what it has. */
const FRESH_MS = LEASE_SECONDS * 500;
/** How often it is noted that this process runs, in milliseconds. */
const TICK_MS = 100;
/**
 * For how long it may not have run, in milliseconds: a lock that was lost meanwhile is another's within a moment, and this
 * process has not heard of it yet.
 */
const STANDSTILL_MS = 500;
/** The clock of the machine stands still while it sleeps, the wall clock does not: how far apart the two may get, in milliseconds. */
const CLOCKS_APART_MS = 2_000;
/** How long the database may take to give the lock, in milliseconds. */
const TAKE_LIMIT_MS = 5_000;
/** How often a worker that must not act looks whether it may again, in milliseconds. */
const FRESH_LOOK_MS = 50;
/** Pause before the database is tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 500;

/** Takes the lock and keeps it. */
export async function keepWorkerLease(database: Database, keeping: WorkerLeaseOptions): Promise<WorkerLease> {
  const { botId, logger } = keeping;
  const released = new AbortController();
  let relocking: Promise<void> | null = null;
  let beating = false;
  let beatAt = now();
  let lock: WorkerLock | undefined;
  let tickedAt = performance.now();
  let stoodStillUntil = Number.NEGATIVE_INFINITY;

  const take = async (): Promise<WorkerLock> => {
    let taken: WorkerLock | undefined;
    const askedAt = now();
    taken = await takeWorkerLock(database, { botId, limitMs: TAKE_LIMIT_MS, onLost: () => lose(taken) });
    beatAt = askedAt;
    return taken;
  };
  const retake = async () => {
    await retry(async () => (lock = await take()), {
      firstMs: RETRY_INTERVAL_MS,
      signal: released.signal,
      onRetry: ({ error }) => logger.warn({ err: error }, "the database is away"),
    }).catch(() => undefined); // Only the release ends the retries.
    relocking = null;
    if (!released.signal.aborted) keeping.onTaken();
  };
  // A try that fails tells of a lost lock as well.
  const lose = (lost: WorkerLock | undefined) => {
    if (relocking || released.signal.aborted || !lost || lost !== lock) return;
    beatAt = NEVER;
    logger.warn({ workerId: lost.workerId }, "lost the worker's lock: what it has is given up");
    keeping.onLost();
    relocking = retake();
    lost.release().catch((error: unknown) => logger.debug({ err: error }, "could not say goodbye"));
  };
  const beat = async () => {
    const kept = lock;
    if (relocking || beating || !kept) return;
    const askedAt = now();
    const runIds = keeping.runIds();
    beating = true;
    const heartbeat = await kept.beat(runIds, FRESH_MS).finally(() => {
      beating = false;
    });
    if (kept !== lock || relocking) return;
    if (!heartbeat) return lose(kept);
    beatAt = askedAt;
    keeping.onBeat(heartbeat, runIds);
  };
  const keepBeating = () => {
    const kept = lock;
    beat().catch((error: unknown) => {
      logger.warn({ err: error }, "could not renew the worker's lease");
      lose(kept);
    });
  };

  const isAlive = () => since(beatAt).ms < FRESH_MS;
  const isFresh = () => {
    const ms = performance.now();
    if (ms - tickedAt > STANDSTILL_MS) stoodStillUntil = ms;
    tickedAt = ms;
    const sinceBeat = since(beatAt);
    // Asleep with its machine, or the wall clock was set: one sign of life tells which. It must have been asked for since.
    const isInDoubt = beatAt.ms <= stoodStillUntil || sinceBeat.wallMs > sinceBeat.ms + CLOCKS_APART_MS;
    if (isInDoubt) keepBeating();
    return !isInDoubt && isAlive();
  };

  const first = await take();
  lock = first;
  try {
    await beat();
  } catch (error) {
    released.abort();
    await first.release();
    throw error;
  }
  const beats = setInterval(keepBeating, BEAT_INTERVAL_MS);
  const ticks = setInterval(isFresh, TICK_MS);
  return {
    isAlive,
    workerId: () => (lock ?? first).workerId,
    isFresh,
    async untilFresh(signal) {
      signal.throwIfAborted();
      while (!isFresh()) {
        keepBeating();
        await pause(FRESH_LOOK_MS);
        signal.throwIfAborted();
      }
    },
    async release() {
      released.abort();
      clearInterval(beats);
      clearInterval(ticks);
      if (relocking) await waitUpTo(TAKE_LIMIT_MS, relocking);
      await (lock ?? first).release();
    },
  };
}

/** A moment by both clocks, in milliseconds. */
interface Moment {
  ms: number;
  wallMs: number;
}

const NEVER: Moment = { ms: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY };

function now(): Moment {
  return { ms: performance.now(), wallMs: Date.now() };
}

function since({ ms, wallMs }: Moment): Moment {
  return { ms: performance.now() - ms, wallMs: Date.now() - wallMs };
}
