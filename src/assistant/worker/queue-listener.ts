/**
 * Notifications of the queue for a worker: new runs, and runs that somebody stops. They only save time: the worker polls the
 * queue, and its heartbeats return requests to stop.
 */
import type { Database } from "../../db/client.ts";
import { type Listener, listen } from "../../db/notify/notify.ts";
import type { Logger } from "../../observability/logger.ts";

export interface QueueListenerOptions {
  database: Database;
  /** A run was queued, or notifications may have been lost. */
  onQueued(): void;
  /** Somebody asked to stop this run. */
  onStop(runId: string): void;
  logger: Logger;
}

/** Listens until it is closed. Fails when the database cannot be reached. */
export function listenToQueue({ database, onQueued, onStop, logger }: QueueListenerOptions): Promise<Listener> {
  return listen(database, {
    onNotification(notification) {
      if (notification.type === "run-queued") onQueued();
      if (notification.type === "run-stop") onStop(notification.runId);
    },
    onGap: onQueued,
    onIgnored: (reason) => logger.warn({ reason }, "ignored an unknown notification"),
  });
}
