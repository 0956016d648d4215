/** Deletes the keys of old updates once an hour. Any process may do it; after a failure, the next hour is early enough. */
import type { Db } from "../../db/client.ts";
import { deleteOldUpdates } from "../../db/queries/chat/updates-seen.ts";
import type { Logger } from "../../observability/logger.ts";

const INTERVAL_MS = 3_600_000;

/** Runs at once too: a process that restarts every day must also delete. */
export function startUpdateRetention({ db, logger }: { db: Db; logger: Logger }): { stop(): Promise<void> } {
  let running = Promise.resolve();
  const run = () => {
    running = deleteOldUpdates(db).then(
      (count) => {
        if (count > 0) logger.info({ count }, "old updates deleted");
      },
      (error: unknown) => logger.warn({ err: error }, "could not delete old updates"),
    );
  };
  run();
  const timer = setInterval(run, INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
