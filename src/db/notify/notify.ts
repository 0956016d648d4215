/**
 * Notices between processes, through the database's LISTEN and NOTIFY.
 *
 * A notice only says "look again": rows are the truth, so it carries ids and offsets and never text (a payload holds at most
 * 7,999 bytes). It knows nothing of those who send or hear them.
 */
import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database, Db } from "../client.ts";

const CHANNEL = "counterhand";

const id = z.string().min(1).max(200);

export const Notice = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run-queued"), runId: id }),
  z.object({ type: z.literal("run-stop"), runId: id }),
  z.object({ type: z.literal("run-changed"), threadId: id, runId: id }),
  /** Something else that admins see. */
  z.object({ type: z.literal("changed") }),
  /** The texts so far of some runs have grown, each from `offset` on. */
  z.object({ type: z.literal("text"), pieces: z.array(z.object({ threadId: id, runId: id, offset: z.int().min(0) })) }),
]);
export type Notice = z.infer<typeof Notice>;

/**
 * Sends a notice when the transaction `tx` commits, and never when it rolls back. Equal notices of one transaction arrive
 * once. (The driver's own `notify` takes another connection and can wait for itself.)
 */
export async function publish(tx: Db, notice: Notice): Promise<void> {
  await tx.execute(sql`select pg_notify(${CHANNEL}, ${JSON.stringify(notice)})`);
}

/** None of these may throw. */
export interface NoticeHandler {
  onNotice(notice: Notice): void;
  /** Listening has begun, at first and after each dropped connection: what was sent before is lost, so read it all again. */
  onGap(): void;
  /** A payload that is no notice of ours, from a newer version or another program; `reason` is fit for a log. */
  onIgnored?(reason: string): void;
}

export interface Listener {
  /** Ends the connection; nothing is handed on after the call. */
  close(): Promise<void>;
}

/** Listens on a connection of its own; returns when it does. Fails when the server cannot be reached the first time. */
export async function listen(database: Database, handler: NoticeHandler): Promise<Listener> {
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

function dispatch(payload: string, handler: NoticeHandler): void {
  const notice = Notice.safeParse(parseJson(payload));
  if (notice.success) handler.onNotice(notice.data);
  else handler.onIgnored?.(z.prettifyError(notice.error));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
