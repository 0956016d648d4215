/**
 * Stores the text so far of the runs under way: the text that admins see grow.
 *
 * One write for all runs of a process, at most five times a second. It never delays a stream: text that arrives during a
 * write is stored by the next one.
 */
import type { Db } from "../db/client.ts";
import { LeaseLostError, type RunClaim } from "../db/queries/runs/run-claim.ts";
import { appendRunTexts, type TextPiece } from "../db/queries/runs/run-text.ts";
import { TEXT_STORE_INTERVAL_MS } from "./limits.ts";

export interface RunTextStore {
  append(delta: string): void;
  /**
   * Waits for the write under way. Text that is not stored by then is stored with the run's end.
   *
   * @returns how long ago the first text came, in milliseconds; null when none came.
   */
  close(): Promise<number | null>;
}

export interface TextStore {
  /** `onError` is called at most once, for a failed write. No more text of the run is stored then: its end stores all. */
  open(claim: RunClaim, onError: (error: unknown) => void): RunTextStore;
}

/** The text of one run. */
interface GrowingText {
  readonly claim: RunClaim;
  readonly onError: (error: unknown) => void;
  /** Stored so far, in UTF-16 units. */
  storedLength: number;
  pending: string;
  /** By a monotonic clock. */
  firstTextAtMs: number | null;
  isClosed: boolean;
}

interface StoreState {
  readonly db: Db;
  /** Texts with something to store. */
  readonly pending: Set<GrowingText>;
  writing: Promise<void> | null;
  isPausing: boolean;
}

/** A store for all runs of one process. */
export function createTextStore(db: Db): TextStore {
  const state: StoreState = { db, pending: new Set(), writing: null, isPausing: false };
  return { open: (claim, onError) => openText(state, claim, onError) };
}

function openText(state: StoreState, claim: RunClaim, onError: (error: unknown) => void): RunTextStore {
  const text: GrowingText = {
    claim,
    onError,
    storedLength: 0,
    pending: "",
    firstTextAtMs: null,
    isClosed: false,
  };
  return {
    append(delta) {
      if (text.isClosed) return;
      text.firstTextAtMs ??= performance.now();
      text.pending += delta;
      state.pending.add(text);
      schedule(state);
    },
    async close() {
      text.isClosed = true;
      state.pending.delete(text);
      await state.writing;
      return text.firstTextAtMs === null ? null : performance.now() - text.firstTextAtMs;
    },
  };
}

/** Writes now, unless a write is under way or the last one was a moment ago: then afterwards. */
function schedule(state: StoreState): void {
  if (state.isPausing || state.writing || state.pending.size === 0) return;
  state.isPausing = true;
  state.writing = write(state).finally(() => {
    state.writing = null;
    schedule(state);
  });
  setTimeout(() => {
    state.isPausing = false;
    schedule(state);
  }, TEXT_STORE_INTERVAL_MS);
}

async function write(state: StoreState): Promise<void> {
  const texts = [...state.pending];
  state.pending.clear();
  const pieces = new Map(texts.map((text) => [takePiece(text), text]));
  try {
    const { refused, busy } = await appendRunTexts(state.db, [...pieces.keys()]);
    for (const piece of refused) fail(pieces.get(piece), new LeaseLostError(piece.claim.id));
    for (const piece of busy) putBack(state, piece, pieces.get(piece));
  } catch (error) {
    for (const text of texts) fail(text, error);
  }
}

function takePiece(text: GrowingText): TextPiece {
  const { claim, pending, storedLength: offset } = text;
  text.pending = "";
  text.storedLength += pending.length;
  const now = performance.now();
  return { claim, offset, text: pending, firstTokenAgeMs: now - (text.firstTextAtMs ?? now) };
}

function putBack(state: StoreState, piece: TextPiece, text: GrowingText | undefined): void {
  if (!text || text.isClosed) return;
  text.storedLength -= piece.text.length;
  text.pending = piece.text + text.pending;
  state.pending.add(text);
}

function fail(text: GrowingText | undefined, error: unknown): void {
  if (!text || text.isClosed) return;
  text.isClosed = true;
  text.onError(error);
}
