/**
 * The one getUpdates call that may wait.
 *
 * Owns its waiting only; what it waits for is in the feed's queue.
 */
import { conflict } from "../refusal.ts";

export interface LongPoll {
  /** Resolves when woken, after `timeoutMs`, or when `gone` aborts. Rejects with 409 when it is terminated. */
  wait(timeoutMs: number, gone: AbortSignal): Promise<void>;
  wake(): void;
  /** Ends the call that waits, if there is one, with 409 and `reason`. */
  terminate(reason: string): void;
  close(): void;
}

interface Waiting {
  end: () => void;
  fail: (error: Error) => void;
}

export function createLongPoll(): LongPoll {
  let waiting: Waiting | undefined;
  let isClosed = false;
  return {
    async wait(timeoutMs, gone) {
      if (timeoutMs <= 0 || gone.aborted || isClosed) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const mine: Waiting = { end: resolve, fail: reject };
      waiting = mine;
      const timer = setTimeout(resolve, timeoutMs);
      gone.addEventListener("abort", mine.end, { once: true });
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        gone.removeEventListener("abort", mine.end);
        // A newer call may wait by now: only our own place is cleared.
        if (waiting === mine) waiting = undefined;
      }
    },
    wake: () => waiting?.end(),
    terminate(reason) {
      const terminated = waiting;
      waiting = undefined;
      terminated?.fail(conflict(reason));
    },
    close() {
      isClosed = true;
      waiting?.end();
    },
  };
}
