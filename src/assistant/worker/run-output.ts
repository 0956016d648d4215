/** Where the events of one attempt at a run go: to the view, and its text to the database. */
import type { ClaimedRun } from "../../db/queries/runs/run-queue.ts";
import type { RunEvent } from "../../events.ts";
import { waitUpTo } from "../../process/timeout.ts";
import type { TextStore } from "../text-store.ts";

/** Where one run is shown. */
export interface RunView {
  /** Must not throw and must not wait. */
  emit(event: RunEvent): void;
  /** Another process continues the run. Settles when nothing more is sent from here, and what was sent is stored. */
  abandon(): Promise<void>;
}

export interface RunOutput {
  emit(event: RunEvent): void;
  /** All text so far. */
  text(): string;
  /** When the first text came, by `performance.now`; null before. */
  firstTextAt(): number | null;
  /** Stores no more text. @returns how long ago the first text came, in milliseconds; null when none came. */
  close(): Promise<number | null>;
  /** Ends the output here because another process continues the run. */
  abandon(): Promise<void>;
}

/** How long messages that are being sent may take, in milliseconds: a silent Telegram holds nothing up. */
const ABANDON_LIMIT_MS = 4_000;

/** `onStoreError` is called at most once: after it no more text is stored before the run ends. */
export function openRunOutput(
  run: ClaimedRun,
  { view, texts, onStoreError }: { view: RunView; texts: TextStore; onStoreError(error: unknown): void },
): RunOutput {
  const store = texts.open(run, onStoreError);
  let text = "";
  let firstTextAt: number | null = null;
  return {
    emit(event) {
      if (event.type === "text-delta") {
        text += event.delta;
        firstTextAt ??= performance.now();
        store.append(event.delta);
      }
      view.emit(event);
    },
    text: () => text,
    firstTextAt: () => firstTextAt,
    close: store.close,
    async abandon() {
      // A message that is being sent must be known before another process continues, or people would see it twice.
      await waitUpTo(ABANDON_LIMIT_MS, view.abandon());
      await store.close();
    },
  };
}
