/**
 * The shortest time between two polls that bring nothing new.
 *
 * Telegram holds a poll open until there is an update. A Bot API server of one's own, or a proxy before it, may answer at once
 * and empty, or send the same updates for ever: without this, one process asks it a hundred times a second.
 */

/** In milliseconds: soon enough for a person who has just written, on a server that cannot hold a poll open. */
const SHORTEST_MS = 1_000;

export interface PollFloor {
  /**
   * A poll has ended after `tookMs`, and its updates are processed; `next` is the offset after them.
   *
   * @returns how long to wait before the next poll, in milliseconds: 0 after new updates.
   */
  recordPoll(next: number, tookMs: number): number;
}

export function createPollFloor(): PollFloor {
  let highest = 0;
  return {
    recordPoll(next, tookMs) {
      const isNew = next > highest;
      highest = Math.max(highest, next);
      return isNew ? 0 : Math.max(SHORTEST_MS - tookMs, 0);
    },
  };
}
