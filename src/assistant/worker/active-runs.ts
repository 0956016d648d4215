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
  abortAll(reason: (runId: string) => Error): void;
  /** Settles when all are done, at the latest after `limitMs`. */
  allDone(limitMs: number): Promise<void>;
}

/** `onDone` is called for each run that is done. */
export function createActiveRuns<Run extends { id: string }>(onDone: () => void): ActiveRuns<Run> {
  const active = new Map<string, { run: Run; abort: AbortController; done: Promise<void> }>();
  const abortRun = (runId: string, reason: Error) => active.get(runId)?.abort.abort(reason);
  return {
    size: () => active.size,
    ids: () => [...active.keys()],
    all: () => [...active.values()].map(({ run }) => run),
    has: (runId) => active.has(runId),
    abort: abortRun,
    abortAll(reason) {
      for (const runId of active.keys()) abortRun(runId, reason(runId));
    },
    begin(run, work) {
      const runId = run.id;
      const abort = new AbortController();
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
