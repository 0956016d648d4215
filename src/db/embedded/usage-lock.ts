/**
 * Which processes use the embedded server, and which of them stops it.
 *
 * Each process holds a shared advisory lock on a separate connection while it uses the server. A process that leaves
 * releases its lock and tries to take the same lock exclusively. That succeeds only when no other process holds it: then it
 * stops the server. A process that arrives in between waits for the lock, sees the server stop, and starts it again. The
 * lock ends with its connection, so a killed process no longer counts. It leaves the server running for the next one.
 */
import type { Sql } from "postgres";
import { untilAborted } from "../../process/timeout.ts";
import { openSession } from "../client.ts";
import { isServerAbsent, isServerBusy } from "../error-code.ts";

export const EMBEDDED_USER = "postgres";

/** Advisory locks belong to one database: this one is always taken in "postgres". */
const USAGE_LOCK = 7_016_020_002;

export interface UsageLock {
  /** The server's version, "18.4". */
  readonly version: string;
  /** Resolves when the connection, and with it the lock, is gone. */
  readonly lost: Promise<void>;
  /** Releases the lock; calls `stop` when no other process holds it. False when the server, and with it the lock, was gone. */
  release(stop: () => Promise<void>): Promise<boolean>;
}

/**
 * Takes the lock, or says why that is not possible now: nothing listens on the socket, or the server is starting or
 * stopping. Rejects when `signal` aborts, because a server that hangs never answers.
 */
export async function tryLockUsage(socketDir: string, signal?: AbortSignal): Promise<UsageLock | "absent" | "busy"> {
  const lost = Promise.withResolvers<void>();
  const session = openSession(
    { socketDir, user: EMBEDDED_USER, database: "postgres" },
    "counterhand usage lock",
    lost.resolve,
  );
  try {
    const version = await untilAborted(signal, lockShared(session));
    return { version, lost: lost.promise, release: (stop) => release(session, stop) };
  } catch (error) {
    await session.end({ timeout: 0 });
    if (isServerAbsent(error)) return "absent";
    if (isServerBusy(error)) return "busy";
    throw error;
  }
}

async function lockShared(session: Sql): Promise<string> {
  // May wait here for a process that holds the lock exclusively, because it is stopping the server.
  await session`select pg_advisory_lock_shared(${USAGE_LOCK}::bigint)`;
  const [row] = await session<{ version: string }[]>`select current_setting('server_version') as version`;
  return row?.version ?? "";
}

async function release(session: Sql, stop: () => Promise<void>): Promise<boolean> {
  try {
    await session`select pg_advisory_unlock_shared(${USAGE_LOCK}::bigint)`;
    const [row] = await session<{ isLast: boolean }[]>`select pg_try_advisory_lock(${USAGE_LOCK}::bigint) as "isLast"`;
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
