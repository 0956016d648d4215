/**
 * Runs that people end before any worker has begun them: one line in the log and one count each, in the shape in which a
 * worker writes of the others.
 */
import { createSpending, runEndFields } from "../assistant/run-log.ts";
import type { CancelledRun } from "../db/queries/chat/threads.ts";
import type { RunOutcome } from "../events.ts";
import type { Logger } from "../observability/logger.ts";
import type { RunMeter } from "../observability/meter.ts";

/** To be called after the commit that ended them. */
export type RecordCancelledRuns = (runs: readonly CancelledRun[]) => void;

const CANCELLED: RunOutcome = { status: "cancelled", errorCode: null, errorMessage: null };

/** Whoever is given no meter is not counted. */
export function createRecordCancelledRuns(deps: {
  meter?: Pick<RunMeter, "runEnded">;
  logger: Logger;
}): RecordCancelledRuns {
  return (runs) => {
    for (const { id, threadId, queuedMs } of runs) {
      deps.meter?.runEnded(CANCELLED);
      // No model was asked: none has a price, on whatever day.
      const asked = { model: "", rounds: 0, spent: createSpending(), firstTokenMs: null, durationMs: 0 };
      const end = { run: { id, threadId, attempt: 0, queuedAt: new Date() }, outcome: CANCELLED, queuedMs, ...asked };
      deps.logger.info(runEndFields(end), "run ended");
    }
  };
}
