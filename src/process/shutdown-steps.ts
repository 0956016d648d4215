/** Runs all steps of a shutdown one after the other, also after one that fails. Never rejects: `onFailure` gets each error. */
export async function runShutdownSteps(
  steps: readonly (() => Promise<void>)[],
  onFailure: (error: unknown) => void,
): Promise<void> {
  for (const step of steps) await step().catch(onFailure);
}
