/**
 * Logs and counts the runs that people cancelled before a worker claimed them, in the same format as a worker does for other
 * runs.
 */
import { createSpending, runEndFields } from "../assistant/run-log.ts";
import type { CancelledRun } from "../db/queries/chat/threads.ts";
import type { RunOutcome } from "../events.ts";
import type { Logger } from "../observability/logger.ts";
import type { RunMeter } from "../observability/meter.ts";

/** To be called after the commit that cancelled them. */
export type RecordCancelledRuns = (runs: readonly CancelledRun[]) => void;

const CANCELLED: RunOutcome = { status: "cancelled", errorCode: null, errorMessage: null };

/** Without a meter the runs are only logged. */
export function createRecordCancelledRuns(deps: {
  meter?: Pick<RunMeter, "runEnded">;
  logger: Logger;
}): RecordCancelledRuns {
  return (runs) => {
    for (const { id, threadId, queuedMs } of runs) {
      deps.meter?.runEnded(CANCELLED);
      // No model was called, so there is no price to look up.
      const usage = { model: "", rounds: 0, spent: createSpending(), firstTokenMs: null, durationMs: 0 };
      const end = { run: { id, threadId, attempt: 0, queuedAt: new Date() }, outcome: CANCELLED, queuedMs, ...usage };
      deps.logger.info(runEndFields(end), "run ended");
    }
  };
}
