/** One clock for all processes of the machine: what `performance.now()` counts from differs from process to process. */

/** Milliseconds of the machine's monotonic clock. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}
