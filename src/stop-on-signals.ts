/** What SIGINT and SIGTERM do: stop in order, once; a second signal ends the process at once. */

/** Signals closer together than this are one. */
const SAME_SIGNAL_MS = 300;

/**
 * Calls `stop` at the first signal and exits with `exitCode` when it settles, with 1 when it fails.
 *
 * Ending at once loses nothing that was stored: whatever is stored is taken up by the next start.
 */
export function stopOnSignals(stop: (signal: NodeJS.Signals) => Promise<void>, exitCode: number): void {
  let stoppingSince: number | null = null;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (stoppingSince !== null) {
      // Ctrl-C reaches the process from the terminal and again from a parent that hands it on.
      if (now - stoppingSince > SAME_SIGNAL_MS) process.exit(1);
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
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}

/** By convention: 128 and the number of SIGINT, for a command that was broken off. */
export const BROKEN_OFF = 130;
