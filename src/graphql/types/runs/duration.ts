/** How long something took, in whole milliseconds; null until it is complete. */
export function durationMs(startedAt: Date | null, completedAt: Date | null): number | null {
  if (startedAt === null || completedAt === null) return null;
  // The two times may come from the clocks of two machines. `Int` holds 24 days.
  return Math.min(Math.max(completedAt.getTime() - startedAt.getTime(), 0), 2 ** 31 - 1);
}
