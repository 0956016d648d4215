/** Time as whoever sends to Telegram needs it: monotonic, with timers. Given, so that a test can drive it. */

export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The real one. Its timers keep no process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** Timers of one thing, which end with it. */
export interface Timers {
  /** Calls back once after `delayMs`, unless they were cancelled before. */
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
