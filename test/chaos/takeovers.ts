/** How soon a run goes on when its process was killed: from kill -9 to the claim by whoever goes on with it. */
import type { Answered, Findings } from "./indexed-recording.ts";
import type { Disturbance, Recording } from "./recording.ts";

export interface Takeover {
  readonly ms: number;
  /** Whether some other process was up and left in peace all the while: else nobody could take over sooner. */
  readonly hadPeer: boolean;
}

/** One entry for each kill and each run that the killed process was working on. */
export function findTakeovers({ answered, recording }: Findings): Takeover[] {
  const kills = recording.disturbances.filter(({ kind }) => kind === "kill");
  return kills.flatMap((kill) =>
    answered.flatMap((each) => {
      const claimedAtMs = nextClaimAt(each, kill, kills);
      if (claimedAtMs === undefined) return [];
      return [{ ms: claimedAtMs - kill.fromMs, hadPeer: hadPeer(kill, claimedAtMs, recording) }];
    }),
  );
}

/** Undefined when the killed process had not the run, or its last commit ended the run all the same. */
function nextClaimAt(
  { changes, claims }: Answered,
  { slot, fromMs }: Disturbance,
  kills: readonly Disturbance[],
): number | undefined {
  const state = changes.findLast(({ atMs }) => atMs <= fromMs);
  const isRunning = state?.status === "in_progress" || state?.status === "requires_action";
  const holder = claims.findLast(({ atMs }) => atMs <= fromMs);
  if (!isRunning || holder?.slot !== slot) return undefined;
  // Killed again before anybody had the run: that is the first kill's takeover.
  const isAgain = kills.some((kill) => kill.slot === slot && kill.fromMs > holder.atMs && kill.fromMs < fromMs);
  return isAgain ? undefined : claims.find(({ atMs }) => atMs > fromMs)?.atMs;
}

/** A process that was disturbed needs some time to find its connections again. */
const AFTER_EFFECT_MS = 2_000;

function hadPeer(kill: Disturbance, claimedAtMs: number, { disturbances, runChanges }: Recording): boolean {
  const slots = new Set([...disturbances, ...runChanges].map(({ slot }) => slot));
  slots.delete(kill.slot);
  return [...slots].some((slot) =>
    disturbances.every(
      (done) => done.slot !== slot || done.fromMs > claimedAtMs || done.untilMs < kill.fromMs - AFTER_EFFECT_MS,
    ),
  );
}
