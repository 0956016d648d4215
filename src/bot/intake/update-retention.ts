/** Forgets, once an hour, the updates that can come no more; any process does it, and a failure only waits for the next hour. */
import type { Db } from "../../db/client.ts";
import { deleteOldUpdates } from "../../db/queries/chat/updates-seen.ts";
import type { Logger } from "../../observability/logger.ts";

const INTERVAL_MS = 3_600_000;

/** Begins with a look at once: a process that is restarted every day must forget too. */
export function startUpdateRetention({ db, logger }: { db: Db; logger: Logger }): { stop(): Promise<void> } {
  let running = Promise.resolve();
  const forget = () => {
    running = deleteOldUpdates(db).then(
      (count) => {
        if (count > 0) logger.info({ count }, "old updates forgotten");
      },
      (error: unknown) => logger.warn({ err: error }, "could not forget old updates"),
    );
  };
  forget();
  const timer = setInterval(forget, INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
