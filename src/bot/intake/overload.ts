/** Detects overload: more updates arrive than answers could be sent. Then storing messages has priority over answering them. */

/** Telegram allows 30 calls a second, and each answer needs at least one. */
const MAX_UPDATES = 30;
const WINDOW_MS = 1_000;

export interface Overload {
  /** An update arrived. */
  recordUpdate(): void;
  isOverloaded(): boolean;
}

/** @param now a monotonic clock in milliseconds */
export function createOverload(now: () => number = () => performance.now()): Overload {
  const newest: number[] = [];
  return {
    recordUpdate() {
      newest.push(now());
      if (newest.length > MAX_UPDATES) newest.shift();
    },
    isOverloaded: () => newest.length === MAX_UPDATES && now() - (newest[0] ?? 0) < WINDOW_MS,
  };
}
