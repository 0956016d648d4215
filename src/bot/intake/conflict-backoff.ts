/**
 * The backoff after conflicts (409) with a program outside of this shop that uses the same token, to poll or to set a webhook.
 * Each of the two undoes the other's calls. So this one waits longer each time instead of fighting.
 */
import { backoffMs } from "../../process/retry.ts";
import type { ConflictSource } from "../telegram/call-failure.ts";

/** Short at first: the other program may be about to stop. */
const BACKOFF = { firstMs: 3_000, longestMs: 60_000 };
/** After this long without a conflict, the backoff starts again. */
const RESET_AFTER_MS = 120_000;

export interface ConflictBackoff {
  /** Telegram answered 409. @returns how long to wait, and whether this source should be logged. */
  recordConflict(source: ConflictSource): { waitMs: number; isNew: boolean };
  /** Telegram returned updates. @returns whether this ends a conflict. */
  recordSuccess(): boolean;
}

/** @param now a monotonic clock in milliseconds */
export function createConflictBackoff(now: () => number = () => performance.now()): ConflictBackoff {
  const reported = new Set<ConflictSource>();
  let count = 0;
  let lastAt = 0;
  return {
    recordConflict(source) {
      count += 1;
      lastAt = now();
      const isNew = !reported.has(source);
      reported.add(source);
      return { waitMs: backoffMs(count, BACKOFF), isNew };
    },
    recordSuccess() {
      if (count === 0 || now() - lastAt < RESET_AFTER_MS) return false;
      count = 0;
      reported.clear();
      return true;
    },
  };
}
