/**
 * Patience with a program that is no process of this shop and uses the same token (409), be it to poll or to set a webhook:
 * each call of the one undoes the other's, so this one waits longer and longer instead of fighting.
 */
import { backoffMs } from "../../process/retry.ts";
import type { ConflictSource } from "../telegram/call-failure.ts";

/** Short at first, because the other one may just be on its way out. */
const BACKOFF = { firstMs: 3_000, longestMs: 60_000 };
/** After so long without a conflict, the next one is a new story. */
const PEACE_MS = 120_000;

export interface ConflictBackoff {
  /** Telegram answered 409. @returns how long to wait, and whether the operator should hear of such a rival. */
  met(rival: ConflictSource): { waitMs: number; isNew: boolean };
  /** Telegram gave updates. @returns whether a conflict is over with it. */
  polled(): boolean;
}

/** `now` is a monotonic clock in milliseconds. */
export function createConflictBackoff(now: () => number = () => performance.now()): ConflictBackoff {
  const known = new Set<ConflictSource>();
  let count = 0;
  let lastAt = 0;
  return {
    met(rival) {
      count += 1;
      lastAt = now();
      const isNew = !known.has(rival);
      known.add(rival);
      return { waitMs: backoffMs(count, BACKOFF), isNew };
    },
    polled() {
      if (count === 0 || now() - lastAt < PEACE_MS) return false;
      count = 0;
      known.clear();
      return true;
    },
  };
}
