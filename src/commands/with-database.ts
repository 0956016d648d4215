/** What the commands do with an open database: they close it in the end, and at a signal at once. */
import type { OpenDatabase } from "../db/open.ts";
import { BROKEN_OFF, stopOnSignals, unlessStopped, whenGivenUp } from "../process/signals.ts";

/**
 * Opens, works, closes. A full disk, and a database that went away, are named as that (`OpenDatabase.explainErrors`). A signal gives
 * the opening up, or closes the database under the work, whose transaction ends with its connection; then the process exits
 * with 130, and this never settles.
 */
export async function withDatabase<T>(
  open: (stopping: AbortSignal) => Promise<OpenDatabase>,
  work: (open: OpenDatabase, stopping: AbortSignal) => Promise<T>,
): Promise<T> {
  let opened: OpenDatabase | undefined;
  const stopping = stopOnSignals(async () => {
    await whenGivenUp(opening);
    await opened?.close();
  }, BROKEN_OFF);
  const opening = open(stopping);
  return unlessStopped(
    stopping,
    (async () => {
      opened = await opening;
      try {
        return await opened.explainErrors(work(opened, stopping));
      } finally {
        await opened.close();
      }
    })(),
  );
}
