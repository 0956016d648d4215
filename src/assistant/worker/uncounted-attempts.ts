/**
 * Attempts that ended because this worker lost the database: no fault of their runs', and told to the database until it has
 * heard of it. Whoever has such a run by then may be about to let it fail.
 */
import type { Db } from "../../db/client.ts";
import { type ClaimedRun, uncountAttempts } from "../../db/queries/runs/run-queue.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";

export interface UncountedAttempts {
  /** Each attempt is excused once, however often it is named. Returns at once. */
  make(attempts: readonly ClaimedRun[]): void;
}

/** Every half second for half a minute: after that no other worker waits for it. */
const RETRIES = { firstMs: 500, maxTries: 60, isBackground: true };

export function createUncountedAttempts(db: Db, logger: Logger): UncountedAttempts {
  const made = new WeakSet<ClaimedRun>();
  return {
    make(attempts) {
      const others = attempts.filter((attempt) => !made.has(attempt));
      for (const attempt of others) made.add(attempt);
      void tell(
        db,
        others.map(({ id }) => id),
        logger,
      );
    },
  };
}

async function tell(db: Db, runIds: readonly string[], logger: Logger): Promise<void> {
  const onFailure = (error: unknown) =>
    logger.warn({ err: error, runIds }, "could not note that runs were given up for want of the database");
  await retry(() => uncountAttempts(db, runIds), {
    ...RETRIES,
    onRetry: ({ error }) => onFailure(error),
  }).catch(onFailure);
}
