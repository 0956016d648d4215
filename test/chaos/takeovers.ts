/** How soon a run goes on when its process was killed: from kill -9 to the claim by whoever goes on with it. */
import type { Answered, Findings } from "./findings.ts";

/** One entry, in milliseconds, for each kill and each run that the killed process was working on. */
export function findTakeovers({ answered, recording }: Findings): number[] {
  return recording.disturbances
    .filter(({ kind }) => kind === "kill")
    .flatMap(({ slot, fromMs }) => answered.flatMap((each) => takeoverOf(each, slot, fromMs)));
}

function takeoverOf({ changes, claims }: Answered, slot: string, killedAtMs: number): number[] {
  const state = changes.findLast(({ atMs }) => atMs <= killedAtMs);
  const isRunning = state?.status === "in_progress" || state?.status === "requires_action";
  const holder = claims.findLast(({ atMs }) => atMs <= killedAtMs);
  if (!isRunning || holder?.slot !== slot) return [];
  const next = claims.find(({ atMs }) => atMs > killedAtMs);
  // What was committed while the process died has ended the run all the same.
  return next ? [next.atMs - killedAtMs] : [];
}
