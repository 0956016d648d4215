/**
 * The state of the queue in the database, read when the metrics are scraped.
 *
 * A scrape never hangs, and scrapes never pile up. There is one read at a time for any number of scrapes, its result is reused
 * for a second, and each scrape waits for it up to a timeout. The caller provides the read itself.
 */
import { waitUpTo } from "../../process/timeout.ts";

/** The state of all processes together, from the rows of the database. */
export interface DatabaseState {
  queuedRuns: number;
  /** How long the oldest queued run that could start has waited, in seconds; 0 when there is none. */
  oldestQueuedSeconds: number;
  /** Runs that a worker works on. */
  runningRuns: number;
  /** Replies of ended runs that are not fully delivered yet. */
  waitingDeliveries: number;
  /** How long ago the question of the oldest of them arrived, in seconds; 0 when there is none. */
  oldestDeliverySeconds: number;
  liveWorkers: number;
}

export interface StateReaderOptions {
  /** How long a state is reused, in milliseconds. */
  maxAgeMs?: number;
  /** How long a scrape waits for the state, in milliseconds. */
  timeoutMs?: number;
  /** Milliseconds that never go back. */
  now?: () => number;
}

/** Prometheus cancels a scrape after ten seconds: the other metrics must arrive well before. */
const TIMEOUT_MS = 2_000;
const MAX_AGE_MS = 1_000;

/** Wraps `read`. Resolves with null when the database does not answer in time, or answers with an error. */
export function createStateReader(
  read: () => Promise<DatabaseState>,
  options: StateReaderOptions = {},
): () => Promise<DatabaseState | null> {
  const { maxAgeMs = MAX_AGE_MS, timeoutMs = TIMEOUT_MS, now = () => performance.now() } = options;
  let latest: { state: Promise<DatabaseState | null>; endedAt: number | null } | null = null;

  const startReading = () => {
    const reading = { state: read().catch(() => null), endedAt: null as number | null };
    void reading.state.then(() => {
      reading.endedAt = now();
    });
    return reading;
  };
  return async () => {
    // A read in progress is awaited, however old it is: a second one would wait for the same database.
    if (!latest || (latest.endedAt !== null && now() - latest.endedAt >= maxAgeMs)) latest = startReading();
    let result: DatabaseState | null = null;
    await waitUpTo(
      timeoutMs,
      latest.state.then((state) => {
        result = state;
      }),
    );
    return result;
  };
}
