/**
 * The state of the queue in the database, read when the metrics are scraped.
 *
 * A scrape never hangs, and scrapes never pile up: there is one read at a time for any number of scrapes, and each waits for
 * it up to a timeout. The caller provides the read itself.
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

/**
 * How long a scrape waits, in milliseconds. Prometheus cancels a scrape after ten seconds, and the other metrics must arrive
 * well before.
 */
const TIMEOUT_MS = 2_000;

/** Wraps `read`. Resolves with null when the database does not answer in time, or answers with an error. */
export function createStateReader(
  read: () => Promise<DatabaseState>,
  timeoutMs = TIMEOUT_MS,
): () => Promise<DatabaseState | null> {
  let reading: Promise<DatabaseState | null> | null = null;
  return async () => {
    // A read in progress is awaited, however old it is: a second one would wait for the same database.
    reading ??= read()
      .catch(() => null)
      .finally(() => {
        reading = null;
      });
    let result: DatabaseState | null = null;
    await waitUpTo(
      timeoutMs,
      reading.then((state) => {
        result = state;
      }),
    );
    return result;
  };
}
