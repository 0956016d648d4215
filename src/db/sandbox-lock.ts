/**
 * One sandbox on one database: a session advisory lock for as long as it runs, on a connection of its own.
 *
 * All sandboxes have the same bot, but each has a Telegram of its own: two of them would take each other's updates for seen, and
 * work on each other's runs. The server frees the lock with its connection, so a sandbox that was killed holds nothing.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "postgres";
import { StartupError } from "../errors.ts";
import { retry } from "../process/retry.ts";
import type { Database } from "./client.ts";
import { errorCode } from "./error-code.ts";

/** Any number will do, so long as nothing else of ours takes the same lock in this database. */
const SANDBOX_LOCK = 7_016_020_004;
/** How long to wait for a sandbox that is just ending. */
const WAIT = "2s";
const LOCK_NOT_AVAILABLE = "55P03";
/** Pause before a database that is away is tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 1_000;

export interface SandboxLockOptions {
  /** What is said where another sandbox has the lock: that it has, and what to do. */
  refusal: string;
  /** Another sandbox took the lock while the database was away: this one has to end. */
  onLost(error: StartupError): void;
}

/** Takes the lock and keeps it, also over a restart of the database. @throws {StartupError} where another sandbox has it. */
export async function holdSandboxLock(
  database: Database,
  { refusal, onLost }: SandboxLockOptions,
): Promise<{ release(): Promise<void> }> {
  let isHeld = false;
  const released = new AbortController();
  const session = database.openSession("sandbox", () => {
    // Failed attempts to connect end here too.
    if (!isHeld || released.signal.aborted) return;
    isHeld = false;
    void retake();
  });
  const release = async () => {
    released.abort();
    await session.end({ timeout: 0 });
  };
  const take = async () => {
    await lock(session, refusal);
    isHeld = true;
  };
  const retake = async () => {
    await pause(RETRY_INTERVAL_MS, undefined, { ref: false });
    // While the database is away, everything else of this process waits for it too.
    await retry(take, {
      firstMs: RETRY_INTERVAL_MS,
      signal: released.signal,
      isBackground: true,
      isRetryable: (error) => !(error instanceof StartupError),
    }).catch((error: unknown) => {
      if (error instanceof StartupError) onLost(error);
    });
  };
  try {
    await take();
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function lock(session: Sql, refusal: string): Promise<void> {
  try {
    await session`select set_config('lock_timeout', ${WAIT}, false)`;
    await session`select pg_advisory_lock(${SANDBOX_LOCK}::bigint)`;
  } catch (error) {
    throw errorCode(error) === LOCK_NOT_AVAILABLE ? new StartupError(refusal) : error;
  }
}
