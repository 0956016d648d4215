/**
 * The progress of an import: one line that is redrawn on a terminal, or a line every few seconds elsewhere.
 *
 * The database reports nothing during a statement. So each phase shows how long it has taken, which proves that it is alive.
 */
import type { Writable } from "node:stream";
import { SingleBar } from "cli-progress";
import type { ImportProgress } from "../db/import/import-run.ts";

export interface ProgressDisplay {
  show(progress: ImportProgress): void;
  stop(): void;
}

/** Pause between two lines without a terminal, in milliseconds. A shorter import writes none. */
const LINE_INTERVAL_MS = 10_000;

const BAR_WIDTH = 40;

const PHASES: Record<ImportProgress["phase"], string> = {
  reading: "Reading the file",
  checking: "Checking the file",
  waiting: "Waiting for another import to finish",
  comparing: "Comparing with the stored data",
  saving: "Saving",
};

/** On a terminal. */
export function drawProgress(terminal: NodeJS.WriteStream): ProgressDisplay {
  const state = createState();
  const bar = new SingleBar({
    // Redrawn several times a second, also while the database reports nothing.
    format: (_options, { progress }) =>
      state.isReading() ? `${barOf(progress)} ${state.describe()}` : state.describe(),
    hideCursor: true,
    clearOnComplete: true,
    stream: terminal,
  });
  bar.start(1, 0);
  return {
    show(progress) {
      state.update(progress);
      bar.setTotal(Math.max(progress.totalBytes ?? progress.bytesRead, 1));
      bar.update(progress.bytesRead);
    },
    stop: () => bar.stop(),
  };
}

function barOf(progress: number): string {
  return `[${"=".repeat(Math.round(progress * BAR_WIDTH)).padEnd(BAR_WIDTH, "-")}] ${Math.floor(progress * 100)} %`;
}

/** Without a terminal: one line every `intervalMs`. */
export function writeProgress(output: Writable, intervalMs = LINE_INTERVAL_MS): ProgressDisplay {
  const state = createState();
  const timer = setInterval(() => output.write(`${state.describe()}\n`), intervalMs);
  return { show: state.update, stop: () => clearInterval(timer) };
}

function createState() {
  let phase: ImportProgress["phase"] = "reading";
  let since = performance.now();
  let rows = 0;
  return {
    update(progress: ImportProgress) {
      if (progress.phase !== phase) since = performance.now();
      ({ phase, rows } = progress);
    },
    isReading: () => phase === "reading",
    /** "Saving: 1 000 000 rows, 12 s so far" */
    describe() {
      const seconds = Math.floor((performance.now() - since) / 1_000);
      return `${PHASES[phase]}: ${formatNumber(rows)} ${rows === 1 ? "row" : "rows"}, ${formatNumber(seconds)} s so far`;
    },
  };
}

/** With spaces between groups of digits: "1 000 000". */
export function formatNumber(amount: number): string {
  return new Intl.NumberFormat("en").format(amount).replaceAll(",", " ");
}
