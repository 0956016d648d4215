/**
 * Notifications to all processes about committed changes, sent after the commit and outside its transaction.
 *
 * A commit with a NOTIFY holds a lock of the whole server until it is on disk, so such commits run one after another. Under
 * load that would take all the time there is. A notification only says that something changed. So one is enough for everything that
 * was committed while the previous one was on its way, and a lost one costs only the time until the next regular look.
 */
import type { Db } from "../client.ts";
import { type Notification, publish } from "./notify.ts";

export interface Coalescer {
  /** Returns at once and never throws. While one notification is on its way, only the last of the others is sent. */
  notify(notification: Notification): void;
}

/** `onFailure` is called for each notification that could not be sent. */
export function createCoalescer(db: Db, onFailure: (error: unknown) => void): Coalescer {
  let next: Notification | null = null;
  let isSending = false;
  const sendAll = async () => {
    isSending = true;
    for (let notification = next; notification !== null; notification = next) {
      next = null;
      await publish(db, notification).catch(onFailure);
    }
    isSending = false;
  };
  return {
    notify(notification) {
      next = notification;
      if (!isSending) void sendAll();
    },
  };
}
