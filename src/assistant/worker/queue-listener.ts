/** A worker's ear for notices of the queue: new runs, and runs that somebody stops. */
import type { Database } from "../../db/client.ts";
import { type Listener, listen } from "../../db/notify/notify.ts";
import type { Logger } from "../../observability/logger.ts";

export interface QueueListenerOptions {
  database: Database;
  /** A run was queued, or notices may have been lost. */
  onQueued(): void;
  /** Somebody asked to stop this run. */
  onStop(runId: string): void;
  logger: Logger;
}

export interface QueueListener {
  /** Listens on a new connection: where the network was cut, the old one may never notice. Returns at once. */
  renew(): void;
  close(): Promise<void>;
}

/** Listens. Fails when the database cannot be reached. */
export async function listenToQueue(options: QueueListenerOptions): Promise<QueueListener> {
  const { logger } = options;
  let listener = await listenOnce(options);
  let isClosed = false;
  /** One renewal after the other: of two at once, one connection would be left open. */
  let renewal = Promise.resolve();
  const renewNow = async () => {
    if (isClosed) return;
    try {
      const next = await listenOnce(options);
      const unused = isClosed ? next : listener;
      if (!isClosed) listener = next;
      await unused.close();
    } catch (error) {
      logger.warn({ err: error }, "could not listen on a new connection: the queue is polled anyway");
    }
  };
  return {
    renew() {
      renewal = renewal.then(renewNow);
    },
    async close() {
      isClosed = true;
      await listener.close();
    },
  };
}

function listenOnce({ database, onQueued, onStop, logger }: QueueListenerOptions): Promise<Listener> {
  return listen(database, {
    onNotification(notification) {
      if (notification.type === "run-queued") onQueued();
      if (notification.type === "run-stop") onStop(notification.runId);
    },
    onGap: onQueued,
    onIgnored: (reason) => logger.warn({ reason }, "ignored an unknown notification"),
  });
}
