/** Wakes a loop that waits: a signal between two waits counts for the next one. */
import { waitUpTo } from "../../process/timeout.ts";

export interface WakeSignal {
  wake(): void;
  /** Settles at the next wake, or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void>;
}

export function createWakeSignal(): WakeSignal {
  let signal = Promise.withResolvers<void>();
  return {
    wake: () => signal.resolve(),
    async wait(timeoutMs) {
      const current = signal;
      await waitUpTo(timeoutMs, current.promise);
      if (signal === current) signal = Promise.withResolvers();
    },
  };
}
