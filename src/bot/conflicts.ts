/**
 * Patience with a program that is no process of this shop and polls with the same token (409): each call of the one ends
 * the other's, so this one waits longer and longer instead of fighting.
 */

/** Short at first, because the other one may just be on its way out. */
const FIRST_PAUSE_MS = 3_000;
const LONGEST_PAUSE_MS = 60_000;
/** After so long without a conflict, the next one is a new story. */
const PEACE_MS = 120_000;

export interface Conflicts {
  /** Telegram answered 409. @returns how long to wait, and whether the operator should hear of it. */
  met(): { waitMs: number; isNew: boolean };
  /** Telegram gave updates. @returns whether a conflict is over with it. */
  polled(): boolean;
}

/** `now` is a monotonic clock in milliseconds. */
export function createConflicts(now: () => number = () => performance.now()): Conflicts {
  let count = 0;
  let lastAt = 0;
  return {
    met() {
      count += 1;
      lastAt = now();
      return { waitMs: Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), LONGEST_PAUSE_MS), isNew: count === 1 };
    },
    polled() {
      if (count === 0 || now() - lastAt < PEACE_MS) return false;
      count = 0;
      return true;
    },
  };
}
