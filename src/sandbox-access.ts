/**
 * On which database a sandbox may run: not where a real bot has started or real people are, nor on the figures of a given
 * database, unless `SANDBOX=1` says so; and nowhere beside another sandbox.
 */
import type { Config } from "./config.ts";
import { type OpenDatabase, openDatabaseOrDemo } from "./db/open.ts";
import { findRealData, type RealData } from "./db/queries/real-data.ts";
import { holdSandboxLock } from "./db/sandbox-lock.ts";
import { StartupError } from "./errors.ts";
import type { Logger } from "./logger.ts";

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
    if (reason === null) return;
    throw new StartupError(
      `Without TELEGRAM_BOT_TOKEN this is the sandbox, and ${reason} ${description}. Set TELEGRAM_BOT_TOKEN for the real bot, or SANDBOX=1 for a sandbox on this data.`,
    );
  };
  return openDatabaseOrDemo(config, logger, { check, signal });
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
