/**
 * Who uses the embedded server, and who is the last one out.
 *
 * Each process holds one connection of its own, and on it a shared advisory lock, for as long as it uses the server. Who
 * leaves drops the lock and tries to take the same one exclusively: that works only when nobody else holds it, and whoever
 * comes in between waits for it, sees the server go, and starts it again. The lock goes with its connection, so a process
 * that was killed counts no more; it leaves the server running, for the next one to find.
 */
import type { Sql } from "postgres";
import { untilAborted } from "../../process/timeout.ts";
import { openSession } from "../client.ts";
import { isServerAbsent, isServerBusy } from "../error-code.ts";

export const EMBEDDED_USER = "postgres";

/** Advisory locks belong to one database: this one is always taken in "postgres". */
const LEASE_LOCK = 7_016_020_002;

export interface Lease {
  /** The server's version, "18.4". */
  readonly version: string;
  /** Resolves when the connection is gone, and the lease with it. */
  readonly lost: Promise<void>;
  /** Gives the lease back; calls `stop` when no other process has one. False when the server had gone, and the lease with it. */
  leave(stop: () => Promise<void>): Promise<boolean>;
}

/**
 * A lease, or why there is none now: nobody answers on the socket, or the server is starting or stopping. Rejects when `signal`
 * aborts: a server that hangs never answers.
 */
export async function tryTakeLease(socketDir: string, signal?: AbortSignal): Promise<Lease | "absent" | "busy"> {
  const lost = Promise.withResolvers<void>();
  const session = openSession(
    { socketDir, user: EMBEDDED_USER, database: "postgres" },
    "counterhand lease",
    lost.resolve,
  );
  try {
    const version = await untilAborted(signal, lockShared(session));
    return { version, lost: lost.promise, leave: (stop) => leave(session, stop) };
  } catch (error) {
    await session.end({ timeout: 0 });
    if (isServerAbsent(error)) return "absent";
    if (isServerBusy(error)) return "busy";
    throw error;
  }
}

async function lockShared(session: Sql): Promise<string> {
  // The newest of our sessions may wait here for one that is just stopping the server.
  await session`select pg_advisory_lock_shared(${LEASE_LOCK}::bigint)`;
  const [row] = await session<{ version: string }[]>`select current_setting('server_version') as version`;
  return row?.version ?? "";
}

async function leave(session: Sql, stop: () => Promise<void>): Promise<boolean> {
  try {
    await session`select pg_advisory_unlock_shared(${LEASE_LOCK}::bigint)`;
    const [row] = await session<{ isLast: boolean }[]>`select pg_try_advisory_lock(${LEASE_LOCK}::bigint) as "isLast"`;
    // The exclusive lock is held until the server ends this session.
    if (row?.isLast) await stop();
    return true;
  } catch (error) {
    if (!isServerAbsent(error) && !isServerBusy(error)) throw error;
    return false;
  } finally {
    await session.end({ timeout: 0 });
  }
}
