/**
 * Decides on which database a sandbox may run.
 *
 * Without `SANDBOX=1` it refuses a database that a real bot has used, that holds real people, or that was given by
 * `DATABASE_URL` and holds a shop's figures. Two sandboxes never share a database.
 */
import type { Config } from "../src/config.ts";
import { type OpenDatabase, openDatabaseOrDemo } from "../src/db/open.ts";
import { findRealData, type RealData } from "../src/db/queries/process/real-data.ts";
import { holdSandboxLock } from "../src/db/sandbox-lock.ts";
import { StartupError } from "../src/errors.ts";
import type { Logger } from "../src/observability/logger.ts";

/**
 * Opens the sandbox's database like `openDatabaseOrDemo`, and checks the shop's own database first, even if the demo
 * database is used in the end. Figures in the embedded database are allowed: the sandbox exists to try the product on them.
 *
 * @throws {StartupError} when the database holds real data; the message says what was found and what to set.
 */
export function openSandboxDatabase(
  config: Config,
  logger: Logger,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<OpenDatabase> {
  const check = async ({ database, description }: OpenDatabase) => {
    if (config.sandboxOnRealData) return;
    const reason = findRefusalReason(await findRealData(database.db), config.databaseUrl !== null);
    if (reason !== null) throw refusalFor(reason, description);
  };
  return openDatabaseOrDemo(config, logger, { check, signal });
}

/** How often a sandbox checks whether a real bot has started on its database, in milliseconds. */
const CHECK_INTERVAL_MS = 5_000;

/**
 * Checks regularly whether a real bot has started on the sandbox's database, and calls `onRealBot` once when one has. The
 * returned function stops the checks. With `SANDBOX=1` there are none.
 */
export function watchForRealBot(
  { database, description }: OpenDatabase,
  { sandboxOnRealData }: Config,
  onRealBot: (error: StartupError) => void,
): () => Promise<void> {
  const check = async () => {
    // While the database is unreachable, no other process can have started on it.
    const found = await findRealData(database.db).catch(() => null);
    if (!found?.hasBot) return;
    clearInterval(timer);
    onRealBot(refusalFor("a real bot has used", description));
  };
  const timer = sandboxOnRealData ? undefined : setInterval(check, CHECK_INTERVAL_MS).unref();
  return async () => clearInterval(timer);
}

function refusalFor(reason: string, description: string): StartupError {
  return new StartupError(
    `Without TELEGRAM_BOT_TOKEN the sandbox starts, but ${reason} ${description}. Set TELEGRAM_BOT_TOKEN to start the real bot, or SANDBOX=1 to run the sandbox on this data.`,
  );
}

function findRefusalReason({ hasBot, hasPeople, hasFigures }: RealData, isGiven: boolean): string | null {
  if (hasBot) return "a real bot has used";
  if (hasPeople) return "there are real people in";
  return hasFigures && isGiven ? "there are a shop's figures in" : null;
}

/**
 * Locks this database against other sandboxes until the returned function is called. `onLost` is called when another
 * sandbox took the lock while the database was unreachable.
 *
 * @throws {StartupError} when another sandbox runs on this database.
 */
export async function lockSandboxDatabase(
  { database, description }: OpenDatabase,
  { databaseUrl }: Config,
  onLost: (error: StartupError) => void,
): Promise<() => Promise<void>> {
  const other = databaseUrl === null ? "DATA_DIR to another folder" : "DATABASE_URL to another database";
  const refusal = `Another sandbox already runs on ${description}: stop it, or set ${other}.`;
  const { release } = await holdSandboxLock(database, { refusal, onLost });
  return release;
}
