/**
 * What the database says of the queue, read when somebody asks for the metrics.
 *
 * A scrape never hangs and never piles up: one read at a time however many ask, used for a second, and waited for no longer
 * than its limit. It knows nothing of SQL: what is read is given.
 */
import { waitUpTo } from "../../process/timeout.ts";

/** The state of all processes together, as rows show it. */
export interface DatabaseState {
  queuedRuns: number;
  /** How long the oldest of them that could begin has waited, in seconds; 0 when none does. */
  oldestQueuedSeconds: number;
  /** Runs that a worker has in hand. */
  runningRuns: number;
  /** Replies whose run has ended, and which the person has not before them yet. */
  waitingDeliveries: number;
  /** How long ago the question of the oldest of them came in, in seconds; 0 when none waits. */
  oldestDeliverySeconds: number;
  liveWorkers: number;
}

export interface StateReaderOptions {
  /** For how long a state is used, in milliseconds. */
  maxAgeMs?: number;
  /** How long a scrape waits for it, in milliseconds. */
  limitMs?: number;
  /** Milliseconds that never go back. */
  now?: () => number;
}

/** Prometheus gives up a scrape after ten seconds: what else there is to tell is to arrive well before. */
const LIMIT_MS = 2_000;
const MAX_AGE_MS = 1_000;

/** A reader of `read`; null when the database does not answer in time, or with an error. */
export function createStateReader(
  read: () => Promise<DatabaseState>,
  options: StateReaderOptions = {},
): () => Promise<DatabaseState | null> {
  const { maxAgeMs = MAX_AGE_MS, limitMs = LIMIT_MS, now = () => performance.now() } = options;
  let latest: { state: Promise<DatabaseState | null>; endedAt: number | null } | null = null;

  const begin = () => {
    const reading = { state: read().catch(() => null), endedAt: null as number | null };
    void reading.state.then(() => {
      reading.endedAt = now();
    });
    return reading;
  };
  return async () => {
    // One that is under way is waited for, however old: another beside it would wait for the same.
    if (!latest || (latest.endedAt !== null && now() - latest.endedAt >= maxAgeMs)) latest = begin();
    let known: DatabaseState | null = null;
    await waitUpTo(
      limitMs,
      latest.state.then((state) => {
        known = state;
      }),
    );
    return known;
  };
}
