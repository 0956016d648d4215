/** One clock for all processes of the machine. `performance.now()` has a different origin in each process. */

/** Milliseconds of the machine's monotonic clock. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}
