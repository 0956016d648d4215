/** SIGINT, SIGTERM and SIGHUP stop the process cleanly, once. A second signal ends it at once. A start is cancelled. */
import { answerWithin, waitUpTo } from "./timeout.ts";

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Signals closer together than this count as one, in milliseconds: Ctrl-C reaches the process from the terminal, and again
 * from npm, which forwards it a little later.
 */
const SAME_SIGNAL_MS = 1_000;

/** How long a cancelled start may take to undo what it did, in milliseconds. */
const CANCEL_LIMIT_MS = 5_000;

/** How long a stop may take, in milliseconds: less than the 45 s after which the unit and the compose file kill. */
const STOP_LIMIT_MS = 40_000;

/**
 * Calls `stop` at the first signal, and exits with `exitCode` when it settles, or with 1 when it fails or takes too long.
 * Replaces earlier listeners of these signals. Ending at once loses nothing: the next start continues from what is stored.
 *
 * @returns a signal that aborts just before `stop` is called.
 */
export function stopOnSignals(stop: (signal: NodeJS.Signals) => Promise<void>, exitCode: number): AbortSignal {
  const stopping = new AbortController();
  let stoppingSince: number | null = null;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (stoppingSince !== null) {
      // A terminal that closes sends SIGHUP, and so does its shell: that is not a second request.
      if (signal !== "SIGHUP" && now - stoppingSince > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppingSince = now;
    stopping.abort(new Error(`stopped by ${signal}`));
    answerWithin(STOP_LIMIT_MS, stop(signal), () => new Error("the shutdown took too long: the process ends now")).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
        process.exit(1);
      },
    );
  };
  for (const name of SIGNALS) {
    const former = process.rawListeners(name) as NodeJS.SignalsListener[];
    // Ours is added before the others are removed: without any listener a pending signal would be lost.
    process.on(name, onSignal);
    for (const listener of former) process.off(name, listener);
  }
  return stopping.signal;
}

/** Waits until a cancelled start has ended, but not for long: it may wait for something that never comes. */
export async function whenCancelled(starting: Promise<unknown>): Promise<void> {
  await waitUpTo(CANCEL_LIMIT_MS, starting).catch(() => undefined);
}

/** As `work`, but it never settles after `stopping` has aborted: errors are of no interest then, and the stop ends the process. */
export async function unlessStopped<T>(stopping: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    if (stopping.aborted) await new Promise(() => undefined);
  }
}

/** The exit code of an interrupted command, by convention 128 plus the number of SIGINT. */
export const INTERRUPTED = 130;
