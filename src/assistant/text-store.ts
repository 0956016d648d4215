/**
 * Keeps the text so far of one run in the database, at most five times a second: what an admin watches grow.
 *
 * It never holds the stream up: pieces that come while one is being stored are stored together afterwards.
 */
import type { Db } from "../db/client.ts";
import type { RunClaim } from "../db/queries/run-queue.ts";
import { appendRunText } from "../db/queries/run-steps.ts";
import { TEXT_STORE_INTERVAL_MS } from "./limits.ts";

export interface TextStore {
  append(delta: string): void;
  /** Ends the timer and waits for the write under way. What is not stored then is stored whole with the run's end. */
  close(): Promise<void>;
}

/** `onError` hears of a failed write once; the store is closed then, for the run's end stores the whole text. */
export function createTextStore(db: Db, claim: RunClaim, onError: (error: unknown) => void): TextStore {
  let stored = 0;
  let waiting = "";
  let firstTokenAt: Date | null = null;
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> | null = null;
  let closed = false;

  const write = async () => {
    const text = waiting;
    waiting = "";
    const offset = stored;
    stored += text.length;
    await appendRunText(db, claim, { offset, text, firstTokenAt: firstTokenAt ?? new Date() });
  };
  const schedule = () => {
    if (closed || timer || writing || waiting === "") return;
    writing = write()
      .catch((error: unknown) => {
        closed = true;
        onError(error);
      })
      .then(() => {
        writing = null;
        if (closed) return;
        timer = setTimeout(() => {
          timer = null;
          schedule();
        }, TEXT_STORE_INTERVAL_MS);
      });
  };

  return {
    append(delta) {
      firstTokenAt ??= new Date();
      waiting += delta;
      schedule();
    },
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      await writing;
    },
  };
}
