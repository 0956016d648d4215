/**
 * On which database a sandbox may run: not where a real bot has started or real people are, nor on the figures of a given
 * database, unless `SANDBOX=1` says so; and nowhere beside another sandbox.
 */
import type { Config } from "../src/config.ts";
import { type OpenDatabase, openDatabaseOrDemo } from "../src/db/open.ts";
import { findRealData, type RealData } from "../src/db/queries/process/real-data.ts";
import { holdSandboxLock } from "../src/db/sandbox-lock.ts";
import { StartupError } from "../src/errors.ts";
import type { Logger } from "../src/observability/logger.ts";

/**
 * Opens the sandbox's database: as `openDatabaseOrDemo`, after a look at the shop's own, also where the demo shop's is used
 * then. Figures in the embedded one are no obstacle: trying the product on them is what the sandbox is for.
 *
 * @throws {StartupError} saying what is real there and what to set.
 */
export function openSandboxDatabase(
  config: Config,
  logger: Logger,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<OpenDatabase> {
  const check = async ({ database, description }: OpenDatabase) => {
    if (config.sandboxOnRealData) return;
    const reason = reasonAgainst(await findRealData(database.db), config.databaseUrl !== null);
    if (reason !== null) throw refusalFor(reason, description);
  };
  return openDatabaseOrDemo(config, logger, { check, signal });
}

/** How often a sandbox looks whether a real bot has started beside it, in milliseconds. */
const LOOK_INTERVAL_MS = 5_000;

/**
 * Looks from now on whether a real bot starts on the sandbox's database, until the returned function is called: from then on it is
 * refused there, and `onRealBot` hears why. With `SANDBOX=1` nobody looks.
 */
export function watchForRealBot(
  { database, description }: OpenDatabase,
  { sandboxOnRealData }: Config,
  onRealBot: (error: StartupError) => void,
): () => Promise<void> {
  const look = async () => {
    // While the database is away nobody can have started on it.
    const found = await findRealData(database.db).catch(() => null);
    if (!found?.hasBot) return;
    clearInterval(looking);
    onRealBot(refusalFor("a real bot has worked on", description));
  };
  const looking = sandboxOnRealData ? undefined : setInterval(look, LOOK_INTERVAL_MS).unref();
  return async () => clearInterval(looking);
}

function refusalFor(reason: string, description: string): StartupError {
  return new StartupError(
    `Without TELEGRAM_BOT_TOKEN this is the sandbox, and ${reason} ${description}. Set TELEGRAM_BOT_TOKEN for the real bot, or SANDBOX=1 for a sandbox on this data.`,
  );
}

function reasonAgainst({ hasBot, hasPeople, hasFigures }: RealData, isGiven: boolean): string | null {
  if (hasBot) return "a real bot has worked on";
  if (hasPeople) return "there are real people in";
  return hasFigures && isGiven ? "there are figures of a shop in" : null;
}

/**
 * Keeps other sandboxes away from this database, until the returned function is called. `onLost` hears that another one has
 * come while the database was away.
 *
 * @throws {StartupError} where another sandbox runs.
 */
export async function keepOtherSandboxesAway(
  { database, description }: OpenDatabase,
  { databaseUrl }: Config,
  onLost: (error: StartupError) => void,
): Promise<() => Promise<void>> {
  const other = databaseUrl === null ? "DATA_DIR to another folder" : "DATABASE_URL to another database";
  const refusal = `Another sandbox runs on ${description}: stop that one, or set ${other}.`;
  const { release } = await holdSandboxLock(database, { refusal, onLost });
  return release;
}
