/** Opens the database for a command, and closes it at the end, or at once at a signal. */
import type { OpenDatabase } from "../db/open.ts";
import { INTERRUPTED, stopOnSignals, unlessStopped, whenCancelled } from "../process/signals.ts";

/**
 * Opens, works, closes. A full disk and a lost database get a message of their own (`OpenDatabase.explainErrors`).
 *
 * A signal cancels the opening, or closes the database during the work, whose transaction ends with its connection. Then the
 * process exits with 130, and this never settles.
 */
export async function withDatabase<T>(
  open: (stopping: AbortSignal) => Promise<OpenDatabase>,
  work: (open: OpenDatabase, stopping: AbortSignal) => Promise<T>,
): Promise<T> {
  let opened: OpenDatabase | undefined;
  const stopping = stopOnSignals(async () => {
    await whenCancelled(opening);
    await opened?.close();
  }, INTERRUPTED);
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
