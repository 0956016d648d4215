/**
 * From the configuration to a database that is ready: reached or started, checked, migrated.
 *
 * There are three databases: that of `DATABASE_URL`, and on the embedded server the shop's own and the demo shop's. Demo
 * and real data never mix: the demo shop has a database of its own, and no other one is ever seeded.
 */
import postgres from "postgres";
import type { Config } from "../config.ts";
import { AppError, StartupError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import { untilAborted } from "../process/timeout.ts";
import { checkServer } from "./check-server.ts";
import { checkTimeZone } from "./check-time-zone.ts";
import {
  type ConnectOptions,
  connectDatabase,
  createDatabaseIfMissing,
  type Database,
  type DatabaseTarget,
} from "./client.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded/server.ts";
import { errorCode, isDatabaseUnavailable, isDiskFull, isTransient } from "./error-code.ts";
import { migrateDatabase } from "./migrate.ts";
import { forgetForeignChanges } from "./queries/admin/activity.ts";
import { hasImports } from "./queries/shop/imports.ts";

const SHOP_DATABASE = "counterhand";
const DEMO_DATABASE = "counterhand_demo";

export interface OpenDatabase {
  database: Database;
  /** Whether this is the demo shop's database, the only one that may be seeded. */
  isDemo: boolean;
  /** Where the database is, for the log; without a password. */
  description: string;
  /** Another pool on the same database, with limits of its own. The caller closes it. */
  connect(options: ConnectOptions): Database;
  /** The result of `work`. When it fails because the disk is full or the database is lost, a StartupError says so. */
  explainErrors<T>(work: Promise<T>): Promise<T>;
  /** Closes the pool. The embedded server stops when no other process uses it. */
  close(): Promise<void>;
}

interface OpenContext {
  readonly logger: Logger;
  /** The shop's. */
  readonly timeZone: string;
  /** Aborts the opening; everything that it started is undone. */
  readonly signal: AbortSignal | undefined;
}

/**
 * The shop's own database: that of `DATABASE_URL`, else on the embedded server. Rejects soon after `signal` aborts.
 *
 * @throws {StartupError}
 */
export async function openDatabase(
  config: Config,
  logger: Logger,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<OpenDatabase> {
  const context = { logger, signal, timeZone: config.shop.timeZone };
  if (config.databaseUrl) return openExternal(config.databaseUrl, context);
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger, signal });
  return releaseOnFailure(server, logger, () => openEmbedded(server, SHOP_DATABASE, context));
}

export interface DemoOptions {
  /** Aborts the opening, which then rejects soon. */
  readonly signal?: AbortSignal | undefined;
  /** May reject the shop's own database by throwing. It is called even if the demo shop's is opened in the end. */
  check?(own: OpenDatabase): Promise<void>;
}

/**
 * The database for trying things out: the demo shop's, or the shop's own once something was imported into it.
 *
 * @throws {StartupError}
 */
export async function openDatabaseOrDemo(
  config: Config,
  logger: Logger,
  { signal, check = async () => undefined }: DemoOptions = {},
): Promise<OpenDatabase> {
  const context = { logger, signal, timeZone: config.shop.timeZone };
  const checked = async (open: OpenDatabase) => {
    await untilAborted(signal, check(open)).catch(async (error: unknown) => {
      await open.database.close();
      throw error;
    });
    return open;
  };
  if (config.databaseUrl) return checked(await openExternal(config.databaseUrl, context));
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger, signal });
  return releaseOnFailure(server, logger, async () => {
    const own = await checked(await openEmbedded(server, SHOP_DATABASE, context));
    if (await untilAborted(signal, hasImports(own.database.db))) return own;
    await own.database.close();
    return openEmbedded(server, DEMO_DATABASE, context);
  });
}

async function openExternal(url: string, context: OpenContext): Promise<OpenDatabase> {
  const target = { url };
  const database = await openChecked(target, context).catch(throwExplained);
  const { place, database: name } = database.destination;
  return {
    database,
    connect: (options) => connectDatabase(target, options),
    explainErrors: (work) => work.catch(throwExplained),
    isDemo: false,
    description: `${name} at ${place} (DATABASE_URL)`,
    close: () => database.close(),
  };
}

async function openEmbedded(server: EmbeddedPostgres, name: string, context: OpenContext): Promise<OpenDatabase> {
  await untilAborted(context.signal, createDatabaseIfMissing(server, name));
  const target = { socketDir: server.socketDir, user: server.user, database: name };
  const database = await openChecked(target, context);
  return {
    database,
    connect: (options) => connectDatabase(target, options),
    explainErrors: (work) =>
      work.catch(async (error: unknown) => {
        throw explainLostConnection(await server.explain(error));
      }),
    isDemo: name === DEMO_DATABASE,
    description: `${name} on the embedded PostgreSQL ${server.version}`,
    async close() {
      await database.close();
      await server.release();
    },
  };
}

async function openChecked(target: DatabaseTarget, { logger, timeZone, signal }: OpenContext): Promise<Database> {
  const database = connectDatabase(target, {
    poolSize: 20,
    onNotice: (notice) => logger.debug({ severity: notice.severity, code: notice.code }, "notice from the database"),
  });
  try {
    const { warnings } = await untilAborted(signal, checkServer(database));
    if (warnings.length > 0) logger.warn({ warnings }, "the database's setup can be improved");
    await untilAborted(signal, checkTimeZone(database.db, timeZone));
    await migrateDatabase(database, { signal }).catch(throwFailedMigration);
    await untilAborted(signal, forgetForeignChanges(database.db));
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The server's own words: what `checkRights` does not foresee, such as a type that has the name of one of ours. */
function throwFailedMigration(error: unknown): never {
  const refusal = error instanceof Error ? error.cause : undefined;
  if (!(refusal instanceof postgres.PostgresError) || isTransient(error)) throw error;
  throw new StartupError(
    `The database could not be brought up to date, and was not changed (${refusal.code}): ${refusal.message}.`,
    { cause: error },
  );
}

/** For a server of `DATABASE_URL`, whose disk this process cannot see: its answers are all that is known. */
function throwExplained(error: unknown): never {
  if (!isDiskFull(error)) throw explainLostConnection(error);
  throw new StartupError("There is no space left on the disk of the database (DATABASE_URL): free some space there.", {
    cause: error,
  });
}

/** One sentence when the database was lost during the work; any other error as it is. */
function explainLostConnection(error: unknown): unknown {
  if (error instanceof AppError || !isDatabaseUnavailable(error)) return error;
  return new StartupError(
    `The connection to the database was lost (${errorCode(error)}): make sure that it is running, then start again.`,
    { cause: error },
  );
}

/** Releases the server when the start fails, so that it does not keep running. */
async function releaseOnFailure<T>(server: EmbeddedPostgres, logger: Logger, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await server
      .release()
      .catch((cause: unknown) => logger.warn({ err: cause }, "could not release the embedded server"));
    throw explainLostConnection(await server.explain(error));
  }
}
