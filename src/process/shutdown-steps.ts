/**
 * Takes steps of a stop one after the other, all of them: one that fails keeps none of the others from being taken.
 *
 * `onFailure` hears of each that fails; nothing is thrown.
 */
export async function runShutdownSteps(
  steps: readonly (() => Promise<void>)[],
  onFailure: (error: unknown) => void,
): Promise<void> {
  for (const step of steps) await step().catch(onFailure);
}
