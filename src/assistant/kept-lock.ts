/**
 * A worker's lock that is taken again when its connection is lost, under a new number: the old one counts as dead by then.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../db/client.ts";
import { takeWorkerLock } from "../db/worker-lock.ts";
import type { Logger } from "../logger.ts";

export interface KeptLock {
  /** The number under which this worker is alive now. */
  workerId(): number;
  /** Stops taking it again, and lets it go. */
  release(): Promise<void>;
}

/** Pause before the database is tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 500;

/** Takes the lock; `onLost` hears at once when it is gone, `onTaken` when it is held again. */
export async function keepWorkerLock(
  database: Database,
  { logger, onLost, onTaken }: { logger: Logger; onLost(): void; onTaken(): void },
): Promise<KeptLock> {
  let released = false;
  let relocking: Promise<void> | null = null;

  const retake = async () => {
    while (!released) {
      try {
        lock = await takeWorkerLock(database, onLockLost);
        return onTaken();
      } catch (error) {
        logger.warn({ err: error }, "the database is away");
        await pause(RETRY_INTERVAL_MS);
      }
    }
  };
  const onLockLost = () => {
    onLost();
    // A try that fails tells of a lost lock as well.
    if (relocking) return;
    logger.warn("lost the worker's lock: its runs are given up");
    relocking = retake().finally(() => {
      relocking = null;
    });
  };

  let lock = await takeWorkerLock(database, onLockLost);
  return {
    workerId: () => lock.workerId,
    async release() {
      released = true;
      await relocking;
      await lock.release();
    },
  };
}
