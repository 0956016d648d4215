/**
 * Tells the workers of all processes that runs were queued: after the commit, and beside it.
 *
 * A commit that carries a notice holds a lock of the whole server until it is on disk, so that such commits go one after the
 * other: in a rush of messages that is all the time there is. A notice only says "look again": one does for all that were
 * queued while the one before was on its way, and one that is lost costs the time until a worker's next look, 200 ms.
 */
import type { Db } from "./client.ts";
import { publish } from "./notify.ts";

export interface QueueBell {
  /** Never waits and never throws. */
  ring(runId: string): void;
}

/** `onFailure` hears of a notice that was not sent. */
export function createQueueBell(db: Db, onFailure: (error: unknown) => void): QueueBell {
  let next: string | null = null;
  let isRinging = false;
  const ringAll = async () => {
    isRinging = true;
    for (let runId = next; runId !== null; runId = next) {
      next = null;
      await publish(db, { type: "run-queued", runId }).catch(onFailure);
    }
    isRinging = false;
  };
  return {
    ring(runId) {
      next = runId;
      if (!isRinging) void ringAll();
    },
  };
}
