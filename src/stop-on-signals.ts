/** What SIGINT, SIGTERM and SIGHUP do: stop in order, once; a second signal ends the process at once. */

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Signals closer together than this are one, in milliseconds: Ctrl-C reaches the process from the terminal and again from
 * npm, which hands it on when it gets to run.
 */
const SAME_SIGNAL_MS = 1_000;

/**
 * Calls `stop` at the first signal and exits with `exitCode` when it settles, with 1 when it fails. Takes the place of what
 * listened to these signals before.
 *
 * Ending at once loses nothing that was stored: whatever is stored is taken up by the next start.
 */
export function stopOnSignals(stop: (signal: NodeJS.Signals) => Promise<void>, exitCode: number): void {
  let stoppingSince: number | null = null;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (stoppingSince !== null) {
      // A terminal that closes sends SIGHUP, and so does its shell: nobody is impatient.
      if (signal !== "SIGHUP" && now - stoppingSince > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppingSince = now;
    stop(signal).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
        process.exit(1);
      },
    );
  };
  for (const name of SIGNALS) process.removeAllListeners(name).on(name, onSignal);
}

/** By convention: 128 and the number of SIGINT, for a command that was broken off. */
export const BROKEN_OFF = 130;
