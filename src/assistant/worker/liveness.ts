/**
 * Whether a worker may act: judged by its last heartbeat, and by whether this process has run without a break since.
 *
 * A process that was frozen continues in the middle of its work, and another worker may do the same work by now. After
 * such a break it must not act where others can see it until the database has answered a heartbeat sent after the break.
 */
import { LEASE_SECONDS } from "../../db/queries/runs/workers.ts";

/** A moment on both clocks, in milliseconds. While the machine sleeps the first one stops, and the wall clock does not. */
export interface Moment {
  readonly ms: number;
  readonly wallMs: number;
}

export interface Liveness {
  /** Whether the last heartbeat is younger than half a lease, by a monotonic clock. */
  isAlive(): boolean;
  /** Whether the worker may act where others see it: alive, and not in doubt since. Asking changes nothing. */
  isFresh(): boolean;
  /** Whether another worker may have what this one had: the last heartbeat was sent longer ago than a lease lasts. */
  hasExpired(): boolean;
  /** Whether only another heartbeat can end the doubt. */
  needsHeartbeat(): boolean;
  /** Notices whether the process has run since the last tick. To be called every `TICK_MS`. */
  tick(): void;
  /** The database renewed the lease in answer to a heartbeat that was sent at this moment. */
  confirm(sentAt: Moment): void;
  /** The lease is lost. */
  expire(): void;
}

/** Half a lease, in milliseconds. A worker acts no more well before another one takes over what it has. */
export const ALIVE_MS = LEASE_SECONDS * 500;
const LEASE_MS = LEASE_SECONDS * 1_000;
/** How often a worker checks that its process runs, in milliseconds. */
export const TICK_MS = 100;
/**
 * The longest gap between two ticks, in milliseconds. After a longer one the lock may be lost: another worker has it within
 * a moment, and this process does not know it yet.
 */
const MAX_TICK_GAP_MS = 500;
/** How far the two clocks may get apart, in milliseconds, before the machine counts as having slept. */
const MAX_CLOCK_GAP_MS = 2_000;

const NEVER: Moment = { ms: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY };

/** `clock` is read at each call; the system's clocks when left out. A new worker is not alive before its first heartbeat. */
export function createLiveness(clock: () => Moment = readClocks): Liveness {
  let confirmedAt = NEVER;
  let tickedAt = clock().ms;
  /** When a gap between two ticks was last noticed. */
  let resumedAt = Number.NEGATIVE_INFINITY;

  const hasGap = (ms: number) => ms - tickedAt > MAX_TICK_GAP_MS;
  const isAlive = () => clock().ms - confirmedAt.ms < ALIVE_MS;
  const needsHeartbeat = () => {
    const { ms, wallMs } = clock();
    // Clocks that got apart: the machine slept, or somebody set the wall clock. A heartbeat shows which.
    const isApart = wallMs - confirmedAt.wallMs > ms - confirmedAt.ms + MAX_CLOCK_GAP_MS;
    return confirmedAt.ms <= resumedAt || isApart;
  };

  return {
    isAlive,
    hasExpired: () => clock().ms - confirmedAt.ms > LEASE_MS,
    needsHeartbeat,
    isFresh: () => isAlive() && !hasGap(clock().ms) && !needsHeartbeat(),
    tick() {
      const { ms } = clock();
      if (hasGap(ms)) resumedAt = ms;
      tickedAt = ms;
    },
    confirm(sentAt) {
      confirmedAt = sentAt;
    },
    expire() {
      confirmedAt = NEVER;
    },
  };
}

/** Now. */
export function readClocks(): Moment {
  return { ms: performance.now(), wallMs: Date.now() };
}
