/**
 * Attempts that ended because this worker lost the database. The runs did not cause that: these attempts do not count.
 *
 * This is stored as soon as the database is back: the next worker of such a run may be about to fail it for too many attempts.
 */
import type { Db } from "../../db/client.ts";
import { type ClaimedRun, uncountAttempts } from "../../db/queries/runs/run-queue.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";

export interface UncountedAttempts {
  /** Adds attempts, each only once however often it is given. Returns at once. */
  add(attempts: readonly ClaimedRun[]): void;
}

/** Every half second for half a minute: after that no other worker waits for it. */
const RETRIES = { firstMs: 500, maxTries: 60, isBackground: true };

export function createUncountedAttempts(db: Db, logger: Logger): UncountedAttempts {
  const added = new WeakSet<ClaimedRun>();
  return {
    add(attempts) {
      const others = attempts.filter((attempt) => !added.has(attempt));
      for (const attempt of others) added.add(attempt);
      const runIds = others.map(({ id }) => id);
      void store(db, runIds, logger);
    },
  };
}

async function store(db: Db, runIds: readonly string[], logger: Logger): Promise<void> {
  const onFailure = (error: unknown) =>
    logger.warn({ err: error, runIds }, "could not store that attempts ended because the database was unavailable");
  await retry(() => uncountAttempts(db, runIds), {
    ...RETRIES,
    onRetry: ({ error }) => onFailure(error),
  }).catch(onFailure);
}
