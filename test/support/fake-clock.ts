/** A clock that only a test advances. */
import type { Clock } from "../../src/bot/budget/clock.ts";

export interface FakeClock extends Clock {
  /** Advances by `ms` and runs the callbacks that become due, in order of time. */
  advance(ms: number): Promise<void>;
}

/** Starts at a time other than 0, like a real clock. */
export function createFakeClock(): FakeClock {
  let now = 1_000_000;
  const timers: { at: number; callback: () => void }[] = [];
  const nextDue = (until: number) =>
    timers
      .filter(({ at }) => at <= until)
      .reduce<(typeof timers)[number] | undefined>(
        (first, timer) => (!first || timer.at < first.at ? timer : first),
        undefined,
      );
  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.splice(timers.indexOf(timer), 1);
        now = Math.max(now, timer.at);
        timer.callback();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}

/** Lets the continuations of resolved promises run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
