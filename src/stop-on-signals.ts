/** What SIGINT and SIGTERM do: stop in order, once; a second signal ends the process at once. */

/**
 * Calls `stop` at the first signal and exits with `exitCode` when it settles, with 1 when it fails.
 *
 * Ending at once loses nothing that was stored: whatever is stored is taken up by the next start.
 */
export function stopOnSignals(stop: (signal: NodeJS.Signals) => Promise<void>, exitCode: number): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
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
