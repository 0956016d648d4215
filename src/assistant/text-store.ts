/**
 * Keeps the texts so far of the runs under way in the database: what an admin watches grow.
 *
 * All runs of a process together, at most five times a second. It never holds a stream up: pieces that come while others
 * are being stored are stored together afterwards.
 */
import type { Db } from "../db/client.ts";
import { LeaseLostError, type RunClaim } from "../db/queries/runs/run-claim.ts";
import { appendRunTexts, type TextPiece } from "../db/queries/runs/run-text.ts";
import { TEXT_STORE_INTERVAL_MS } from "./limits.ts";

export interface RunTextStore {
  append(delta: string): void;
  /**
   * Waits for the write under way, and tells how long ago the first text came, in milliseconds; null when none did. What is
   * not stored then is stored with the run's end.
   */
  close(): Promise<number | null>;
}

export interface TextStore {
  /** `onError` hears of a failed write once; nothing more of the run is stored then, for its end stores the whole text. */
  open(claim: RunClaim, onError: (error: unknown) => void): RunTextStore;
}

/** One run whose text grows. */
interface Growing {
  claim: RunClaim;
  stored: number;
  waiting: string;
  /** By the process's own clock, which nobody sets. */
  firstTokenAtMs: number | null;
  isClosed: boolean;
  onError(error: unknown): void;
}

/** A store for all runs of one process. */
export function createTextStore(db: Db): TextStore {
  /** Those with something to store. */
  const waiting = new Set<Growing>();
  let writing: Promise<void> | null = null;
  let pausing = false;

  const write = async () => {
    const growing = [...waiting];
    waiting.clear();
    const pieces = new Map(growing.map((run) => [takePiece(run), run]));
    try {
      const { refused, busy } = await appendRunTexts(db, [...pieces.keys()]);
      for (const piece of refused) pieces.get(piece)?.onError(new LeaseLostError(piece.claim.id));
      for (const piece of busy) giveBack(piece, pieces.get(piece));
    } catch (error) {
      for (const run of growing) run.onError(error);
    }
  };
  const giveBack = ({ text }: TextPiece, run: Growing | undefined) => {
    if (!run || run.isClosed) return;
    run.stored -= text.length;
    run.waiting = text + run.waiting;
    waiting.add(run);
  };
  const schedule = () => {
    if (pausing || writing || waiting.size === 0) return;
    pausing = true;
    writing = write().finally(() => {
      writing = null;
      schedule();
    });
    setTimeout(() => {
      pausing = false;
      schedule();
    }, TEXT_STORE_INTERVAL_MS);
  };

  return {
    open(claim, onError) {
      const run: Growing = {
        claim,
        stored: 0,
        waiting: "",
        firstTokenAtMs: null,
        isClosed: false,
        onError(error) {
          if (!run.isClosed) onError(error);
          run.isClosed = true;
        },
      };
      return {
        append(delta) {
          if (run.isClosed) return;
          run.firstTokenAtMs ??= performance.now();
          run.waiting += delta;
          waiting.add(run);
          schedule();
        },
        async close() {
          run.isClosed = true;
          waiting.delete(run);
          await writing;
          return run.firstTokenAtMs === null ? null : performance.now() - run.firstTokenAtMs;
        },
      };
    },
  };
}

function takePiece(run: Growing): TextPiece {
  const { claim, waiting: text, stored: offset } = run;
  run.waiting = "";
  run.stored += text.length;
  const now = performance.now();
  return { claim, offset, text, firstTokenAgeMs: now - (run.firstTokenAtMs ?? now) };
}
