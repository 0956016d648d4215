/**
 * Notifications between processes, through PostgreSQL's LISTEN and NOTIFY.
 *
 * A notification only says that something changed. The rows are the truth, so it carries ids and offsets and never text (a payload
 * holds at most 7,999 bytes). This module knows neither senders nor receivers.
 */
import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database, Db } from "../client.ts";

const CHANNEL = "counterhand";

const id = z.string().min(1).max(200);

export const Notification = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run-queued"), runId: id }),
  z.object({ type: z.literal("run-stop"), runId: id }),
  z.object({ type: z.literal("run-changed"), threadId: id, runId: id }),
  /** Anything else that admins can see has changed. */
  z.object({ type: z.literal("changed") }),
  /** The partial texts of some runs have grown, each from `offset` on. */
  z.object({ type: z.literal("text"), pieces: z.array(z.object({ threadId: id, runId: id, offset: z.int().min(0) })) }),
]);
export type Notification = z.infer<typeof Notification>;

/**
 * Sends a notification when the transaction `tx` commits, and none when it rolls back. PostgreSQL delivers equal
 * notifications of one transaction once. (The driver's own `notify` takes another connection, which can deadlock the pool.)
 */
export async function publish(tx: Db, notification: Notification): Promise<void> {
  await tx.execute(sql`select pg_notify(${CHANNEL}, ${JSON.stringify(notification)})`);
}

/** None of these may throw. */
export interface NotificationHandler {
  onNotification(notification: Notification): void;
  /** LISTEN has started, at first and after each lost connection. Earlier notifications are lost, so read everything again. */
  onGap(): void;
  /** A payload of an unknown form, from a newer version or another program. `reason` may be logged. */
  onIgnored?(reason: string): void;
}

export interface Listener {
  /** Ends the connection. The handler is not called again. */
  close(): Promise<void>;
}

/** Listens on a separate connection; resolves once LISTEN has started. Rejects when the first connection fails. */
export async function listen(database: Database, handler: NotificationHandler): Promise<Listener> {
  const session = database.openSession("listener");
  let closed = false;
  const onPayload = (payload: string) => {
    if (!closed) dispatch(payload, handler);
  };
  const onListening = () => {
    if (!closed) handler.onGap();
  };
  const close = async () => {
    closed = true;
    await session.end({ timeout: 0 });
  };

  try {
    await session.listen(CHANNEL, onPayload, onListening);
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function dispatch(payload: string, handler: NotificationHandler): void {
  const parsed = Notification.safeParse(parseJson(payload));
  if (parsed.success) handler.onNotification(parsed.data);
  else handler.onIgnored?.(z.prettifyError(parsed.error));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
