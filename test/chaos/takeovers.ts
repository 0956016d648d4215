/** Measures how quickly a run continues after its process was killed: from kill -9 to the next claim of the run. */
import type { Answered, IndexedRecording } from "./indexed-recording.ts";
import type { Disturbance, Recording } from "./recording.ts";

export interface Takeover {
  readonly ms: number;
  /** Whether another process was up and undisturbed the whole time. Without one, no faster takeover was possible. */
  readonly hadPeer: boolean;
}

/** One entry per kill and run on which the killed process was working. */
export function findTakeovers({ answered, recording }: IndexedRecording): Takeover[] {
  const kills = recording.disturbances.filter(({ kind }) => kind === "kill");
  return kills.flatMap((kill) =>
    answered.flatMap((each) => {
      const claimedAtMs = nextClaimAt(each, kill, kills);
      if (claimedAtMs === undefined) return [];
      return [{ ms: claimedAtMs - kill.fromMs, hadPeer: hadPeer(kill, claimedAtMs, recording) }];
    }),
  );
}

/** Undefined if the killed process did not own the run, or its last commit ended the run. */
function nextClaimAt(
  { changes, claims }: Answered,
  { slot, fromMs }: Disturbance,
  kills: readonly Disturbance[],
): number | undefined {
  const state = changes.findLast(({ atMs }) => atMs <= fromMs);
  const isRunning = state?.status === "in_progress" || state?.status === "requires_action";
  const holder = claims.findLast(({ atMs }) => atMs <= fromMs);
  if (!isRunning || holder?.slot !== slot) return undefined;
  // The slot was already killed since the last claim: the takeover belongs to that kill.
  const isAgain = kills.some((kill) => kill.slot === slot && kill.fromMs > holder.atMs && kill.fromMs < fromMs);
  return isAgain ? undefined : claims.find(({ atMs }) => atMs > fromMs)?.atMs;
}

/** A disturbed process needs some time to reconnect. */
const AFTER_EFFECT_MS = 2_000;

function hadPeer(kill: Disturbance, claimedAtMs: number, { disturbances, runChanges }: Recording): boolean {
  const slots = new Set([...disturbances, ...runChanges].map(({ slot }) => slot));
  slots.delete(kill.slot);
  return [...slots].some((slot) =>
    disturbances.every(
      ({ slot: disturbed, fromMs, untilMs }) =>
        disturbed !== slot || fromMs > claimedAtMs || untilMs < kill.fromMs - AFTER_EFFECT_MS,
    ),
  );
}
