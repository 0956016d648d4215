/** Whether more comes in than answers could be shown for: then storing what people write goes before answering it. */

/** Telegram's 30 calls a second, each answer being one at the very least. */
const UPDATES_IN_A_RUSH = 30;
const SPAN_MS = 1_000;

export interface Overload {
  /** An update came in. */
  note(): void;
  isOn(): boolean;
}

/** `now` is a monotonic clock in milliseconds. */
export function createOverload(now: () => number = () => performance.now()): Overload {
  const newest: number[] = [];
  return {
    note() {
      newest.push(now());
      if (newest.length > UPDATES_IN_A_RUSH) newest.shift();
    },
    isOn: () => newest.length === UPDATES_IN_A_RUSH && now() - (newest[0] ?? 0) < SPAN_MS,
  };
}
