/**
 * The waiting of a getUpdates call. At most one call waits at a time.
 *
 * The updates themselves are in the feed's queue.
 */
import { conflict } from "../refusal.ts";

export interface LongPoll {
  /** Resolves after `wake`, after `timeoutMs`, or when `signal` aborts. Rejects with 409 after `terminate`. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  wake(): void;
  /** Ends the waiting call, if any, with 409 and `reason`. */
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
    async wait(timeoutMs, signal) {
      if (timeoutMs <= 0 || signal.aborted || isClosed) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const current: Waiting = { end: resolve, fail: reject };
      waiting = current;
      const timer = setTimeout(resolve, timeoutMs);
      signal.addEventListener("abort", current.end, { once: true });
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", current.end);
        // A newer call may already wait.
        if (waiting === current) waiting = undefined;
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
