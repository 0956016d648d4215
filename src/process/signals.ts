/**
 * What SIGINT, SIGTERM and SIGHUP do: stop in order, once; a second signal ends the process at once. A start that is under way
 * is given up.
 */
import { answerWithin, waitUpTo } from "./timeout.ts";

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Signals closer together than this are one, in milliseconds: Ctrl-C reaches the process from the terminal and again from
 * npm, which hands it on when it gets to run.
 */
const SAME_SIGNAL_MS = 1_000;

/** How long a start that was given up may take to undo what it did, in milliseconds. */
const GIVE_UP_LIMIT_MS = 5_000;

/** How long a stop may take, in milliseconds: less than the 45 s after which the unit and the compose file kill. */
const STOP_LIMIT_MS = 40_000;

/**
 * Calls `stop` at the first signal and exits with `exitCode` when it settles; with 1 when it fails or takes too long. The
 * AbortSignal that is returned aborts just before. Takes the place of what listened to these signals before.
 *
 * Ending at once loses nothing that was stored: whatever is stored is taken up by the next start.
 */
export function stopOnSignals(stop: (signal: NodeJS.Signals) => Promise<void>, exitCode: number): AbortSignal {
  const stopping = new AbortController();
  let stoppingSince: number | null = null;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (stoppingSince !== null) {
      // A terminal that closes sends SIGHUP, and so does its shell: nobody is impatient.
      if (signal !== "SIGHUP" && now - stoppingSince > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppingSince = now;
    stopping.abort(new Error(`stopped by ${signal}`));
    answerWithin(STOP_LIMIT_MS, stop(signal), () => new Error("the stop took too long: ended at once")).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
        process.exit(1);
      },
    );
  };
  for (const name of SIGNALS) {
    const former = process.rawListeners(name) as NodeJS.SignalsListener[];
    // Ours first: a signal that has come and was not yet heard is lost when nobody listens in between.
    process.on(name, onSignal);
    for (const listener of former) process.off(name, listener);
  }
  return stopping.signal;
}

/** Waits for a start that was given up to end, but not for long: what it waits for may never come. */
export async function whenGivenUp(starting: Promise<unknown>): Promise<void> {
  await waitUpTo(GIVE_UP_LIMIT_MS, starting).catch(() => undefined);
}

/** As `work`, but never settles once `stopping` has aborted: what fails then is of no interest, and the stop ends the process. */
export async function unlessStopped<T>(stopping: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    if (stopping.aborted) await new Promise(() => undefined);
  }
}

/** By convention: 128 and the number of SIGINT, for a command that was broken off. */
export const BROKEN_OFF = 130;
