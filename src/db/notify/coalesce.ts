/**
 * Notices that all processes get of what was committed: after the commit, and beside it.
 *
 * A commit that carries a notice holds a lock of the whole server until it is on disk, so that such commits go one after the
 * other: in a rush of messages that is all the time there is. A notice only says "look again": one does for all that was
 * committed while the one before was on its way, and one that is lost costs the time until the next look without one.
 */
import type { Db } from "../client.ts";
import { type Notice, publish } from "./notify.ts";

export interface Coalescer {
  /** Never waits and never throws. Of those that come while one is on its way, the last is sent. */
  ring(notice: Notice): void;
}

/** `onFailure` hears of a notice that was not sent. */
export function createCoalescer(db: Db, onFailure: (error: unknown) => void): Coalescer {
  let next: Notice | null = null;
  let isRinging = false;
  const ringAll = async () => {
    isRinging = true;
    for (let notice = next; notice !== null; notice = next) {
      next = null;
      await publish(db, notice).catch(onFailure);
    }
    isRinging = false;
  };
  return {
    ring(notice) {
      next = notice;
      if (!isRinging) void ringAll();
    },
  };
}
