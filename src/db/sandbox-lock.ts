/**
 * One sandbox for each database: a session advisory lock on a separate connection, held while the sandbox runs.
 *
 * All sandboxes have the same bot, but each has a Telegram of its own. Two of them would skip each other's updates as
 * duplicates, and work on each other's runs. The server releases the lock with its connection, so a killed sandbox holds
 * nothing.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "postgres";
import { StartupError } from "../errors.ts";
import { retry } from "../process/retry.ts";
import type { Database } from "./client.ts";
import { errorCode } from "./error-code.ts";

/** Key of the advisory lock: any number that no other lock of ours uses in this database. */
const SANDBOX_LOCK = 7_016_020_004;
/** How long to wait for another sandbox that is stopping. */
const LOCK_TIMEOUT = "2s";
const LOCK_NOT_AVAILABLE = "55P03";
/** Pause before the next attempt while the database is unavailable, in milliseconds. */
const RETRY_INTERVAL_MS = 1_000;

export interface SandboxLockOptions {
  /** The error message when another sandbox has the lock, with what to do. */
  refusal: string;
  /** Another sandbox took the lock while the database was unavailable: this one must stop. */
  onLost(error: StartupError): void;
}

/** Takes the lock and keeps it, even across a restart of the database. @throws {StartupError} when another sandbox has it. */
export async function holdSandboxLock(
  database: Database,
  { refusal, onLost }: SandboxLockOptions,
): Promise<{ release(): Promise<void> }> {
  let isHeld = false;
  const released = new AbortController();
  const session = database.openSession("sandbox", () => {
    // Also called after failed attempts to connect.
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
    // While the database is unavailable, the rest of this process waits for it too.
    await retry(take, {
      firstMs: RETRY_INTERVAL_MS,
      signal: released.signal,
      isBackground: true,
      isRetryable: (error) => !(error instanceof StartupError),
    }).catch((error: unknown) => {
      if (error instanceof StartupError && !released.signal.aborted) onLost(error);
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
    await session`select set_config('lock_timeout', ${LOCK_TIMEOUT}, false)`;
    await session`select pg_advisory_lock(${SANDBOX_LOCK}::bigint)`;
  } catch (error) {
    throw errorCode(error) === LOCK_NOT_AVAILABLE ? new StartupError(refusal) : error;
  }
}
