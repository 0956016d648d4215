/** A monotonic clock with timers. It is a dependency, so that tests can control the time. */

export interface Clock {
  /** Milliseconds; never decreases. */
  now(): number;
  /** Calls `callback` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The real clock. Its timers do not keep the process running. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** A set of timers with one owner, cancelled together. */
export interface Timers {
  /** Calls `callback` once after `delayMs`, unless cancelled before. */
  after(delayMs: number, callback: () => void): void;
  cancelAll(): void;
}

export function createTimers(clock: Clock): Timers {
  const cancels = new Set<() => void>();
  return {
    after(delayMs, callback) {
      const cancel = clock.after(delayMs, () => {
        cancels.delete(cancel);
        callback();
      });
      cancels.add(cancel);
    },
    cancelAll() {
      for (const cancel of cancels) cancel();
      cancels.clear();
    },
  };
}
