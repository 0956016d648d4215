/**
 * Runs that a worker holds without working on them: its claim was committed, but the answer was lost. After a while they
 * are given back to the queue.
 */
import type { Db } from "../../db/client.ts";
import { releaseStrays } from "../../db/queries/runs/run-queue.ts";
import type { Logger } from "../../observability/logger.ts";

/** How long after its claim a run may be about to begin, in milliseconds: heartbeats may follow each other closely. */
const STRAY_MS = 2_000;

export interface StrayRuns {
  /** Takes the runs that are held and not worked on right now. Releases those that were so for long; returns at once. */
  check(workerId: number, idleRunIds: readonly string[]): void;
}

export function createStrayRuns(db: Db, logger: Logger): StrayRuns {
  /** Since when each run is idle, by a clock that never goes back. */
  let idleSince = new Map<string, number>();
  return {
    check(workerId, idleRunIds) {
      const now = performance.now();
      idleSince = new Map(idleRunIds.map((id) => [id, idleSince.get(id) ?? now]));
      const strays = idleRunIds.filter((id) => now - (idleSince.get(id) ?? now) >= STRAY_MS);
      if (strays.length === 0) return;
      logger.warn({ runIds: strays }, "released runs whose claim was not answered");
      releaseStrays(db, workerId, strays).catch((error: unknown) =>
        logger.warn({ err: error }, "could not release runs: their leases run out instead"),
      );
    },
  };
}
