/** The runs that a worker works on right now. Each can be aborted by its id, and all can be waited for. */
import { waitUpTo } from "../../process/timeout.ts";

export interface ActiveRuns<Run extends { id: string }> {
  size(): number;
  ids(): string[];
  all(): Run[];
  has(runId: string): boolean;
  /** Begins work on a run. The run is removed when the work is done. */
  begin(run: Run, work: (abort: AbortController) => Promise<void>): Promise<void>;
  abort(runId: string, reason: Error): void;
  /** Aborts a run, also one that is about to begin: the notice of a stop may arrive before the answer to the claim. */
  stop(runId: string, reason: Error): void;
  abortAll(reason: (runId: string) => Error): void;
  /** Settles when all are done, at the latest after `limitMs`. */
  allDone(limitMs: number): Promise<void>;
}

/** How long a stop waits for its run to begin, in milliseconds: longer than any claim takes. */
const EARLY_STOP_MS = 30_000;

/** `onDone` is called for each run that is done. */
export function createActiveRuns<Run extends { id: string }>(onDone: () => void): ActiveRuns<Run> {
  const active = new Map<string, { run: Run; abort: AbortController; done: Promise<void> }>();
  /** Reasons to abort runs that have not begun yet. */
  const early = new Map<string, Error>();
  const abortRun = (runId: string, reason: Error) => active.get(runId)?.abort.abort(reason);
  return {
    size: () => active.size,
    ids: () => [...active.keys()],
    all: () => [...active.values()].map(({ run }) => run),
    has: (runId) => active.has(runId),
    abort: abortRun,
    stop(runId, reason) {
      if (active.has(runId)) return abortRun(runId, reason);
      early.set(runId, reason);
      setTimeout(() => early.delete(runId), EARLY_STOP_MS).unref();
    },
    abortAll(reason) {
      for (const runId of active.keys()) abortRun(runId, reason(runId));
    },
    begin(run, work) {
      const runId = run.id;
      const abort = new AbortController();
      const reason = early.get(runId);
      if (reason) abort.abort(reason);
      early.delete(runId);
      const done = work(abort).finally(() => {
        // Unless this worker has claimed the same run again in the meantime.
        if (active.get(runId)?.abort === abort) active.delete(runId);
        onDone();
      });
      active.set(runId, { run, abort, done });
      return done;
    },
    async allDone(limitMs) {
      await waitUpTo(limitMs, Promise.all([...active.values()].map(({ done }) => done)));
    },
  };
}
