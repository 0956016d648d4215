/**
 * From the configuration to a database that is ready: reached or started, checked, migrated.
 *
 * Knows the three databases: the one of `DATABASE_URL`; on the embedded server the shop's own; beside it the demo shop's.
 * Demo and real never mix: the demo has a database of its own, and nothing is ever seeded anywhere else.
 */
import type { Config } from "../config.ts";
import { AppError, StartupError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import { untilAborted } from "../process/timeout.ts";
import { checkServer } from "./check-server.ts";
import {
  type ConnectOptions,
  connectDatabase,
  createDatabaseIfMissing,
  type Database,
  type DatabaseTarget,
} from "./client.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded/server.ts";
import { errorCode, isDatabaseAway, isDiskFull } from "./error-code.ts";
import { migrateDatabase } from "./migrate.ts";
import { forgetForeignChanges } from "./queries/admin/activity.ts";
import { hasImports } from "./queries/shop/imports.ts";

const SHOP_DATABASE = "counterhand";
const DEMO_DATABASE = "counterhand_demo";

export interface OpenDatabase {
  database: Database;
  /** Whether this is the demo shop's own database: the only one that may be seeded. */
  isDemo: boolean;
  /** Where it is, in words for the log; never with a password. */
  description: string;
  /** A further pool on the same database, with limits of its own; whoever asked for it closes it. */
  connect(options: ConnectOptions): Database;
  /** What `work` gives; when it fails because the database's disk is full or the database is away, a StartupError says so. */
  explained<T>(work: Promise<T>): Promise<T>;
  /** Closes the pool; the embedded server stops when no other process uses it. */
  close(): Promise<void>;
}

/** What opening takes: where warnings go, and what gives it up, with everything that was begun undone. */
interface Opening {
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}

/**
 * The shop's own database: of `DATABASE_URL`, else on the embedded server. Rejects soon after `signal` aborts.
 *
 * @throws {StartupError}
 */
export async function openDatabase(
  config: Config,
  logger: Logger,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<OpenDatabase> {
  const opening = { logger, signal };
  if (config.databaseUrl) return openGiven(config.databaseUrl, opening);
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger, signal });
  return withServer(server, logger, () => openEmbedded(server, SHOP_DATABASE, opening));
}

export interface DemoOptions {
  /** Gives it up: it rejects soon after the signal aborts. */
  readonly signal?: AbortSignal | undefined;
  /** May refuse the shop's own database, whichever of the two it is to be. */
  check?(own: OpenDatabase): Promise<void>;
}

/**
 * The database to try things on: the shop's own as soon as something was imported into it, else the demo shop's.
 *
 * @throws {StartupError}
 */
export async function openDatabaseOrDemo(
  config: Config,
  logger: Logger,
  { signal, check = async () => undefined }: DemoOptions = {},
): Promise<OpenDatabase> {
  const opening = { logger, signal };
  const checked = async (open: OpenDatabase) => {
    await untilAborted(signal, check(open)).catch(async (error: unknown) => {
      await open.database.close();
      throw error;
    });
    return open;
  };
  if (config.databaseUrl) return checked(await openGiven(config.databaseUrl, opening));
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger, signal });
  return withServer(server, logger, async () => {
    const own = await checked(await openEmbedded(server, SHOP_DATABASE, opening));
    if (await untilAborted(signal, hasImports(own.database.db))) return own;
    await own.database.close();
    return openEmbedded(server, DEMO_DATABASE, opening);
  });
}

async function openGiven(url: string, opening: Opening): Promise<OpenDatabase> {
  const target = { url };
  // Before the address is taken apart below: this says without quoting it what is wrong with it.
  const database = await openChecked(target, opening).catch(explainGiven);
  const { hostname, pathname } = new URL(url);
  return {
    database,
    connect: (options) => connectDatabase(target, options),
    explained: (work) => work.catch(explainGiven),
    isDemo: false,
    description: `${hostname || "local socket"}${pathname} (DATABASE_URL)`,
    close: () => database.close(),
  };
}

async function openEmbedded(server: EmbeddedPostgres, name: string, opening: Opening): Promise<OpenDatabase> {
  await untilAborted(opening.signal, createDatabaseIfMissing(server, name));
  const target = { socketDir: server.socketDir, user: server.user, database: name };
  const database = await openChecked(target, opening);
  return {
    database,
    connect: (options) => connectDatabase(target, options),
    explained: (work) =>
      work.catch(async (error: unknown) => {
        throw explainAway(await server.explain(error));
      }),
    isDemo: name === DEMO_DATABASE,
    description: `${name} on the embedded PostgreSQL ${server.version}`,
    async close() {
      await database.close();
      await server.release();
    },
  };
}

async function openChecked(target: DatabaseTarget, { logger, signal }: Opening): Promise<Database> {
  const database = connectDatabase(target, {
    poolSize: 20,
    onNotice: (notice) => logger.debug({ severity: notice.severity, code: notice.code }, "notice of the database"),
  });
  try {
    const { warnings } = await untilAborted(signal, checkServer(database));
    if (warnings.length > 0) logger.warn({ warnings }, "the database could be better set up");
    await migrateDatabase(database, { signal });
    await untilAborted(signal, forgetForeignChanges(database.db));
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** We do not see that server's disk: only what it answers. */
function explainGiven(error: unknown): never {
  if (!isDiskFull(error)) throw explainAway(error);
  throw new StartupError("There is no space left on the disk of the database (DATABASE_URL): make room there.", {
    cause: error,
  });
}

/** `error`, or one sentence when the database went away in the middle of what was asked. */
function explainAway(error: unknown): unknown {
  if (error instanceof AppError || !isDatabaseAway(error)) return error;
  return new StartupError(
    `The connection to the database was lost (${errorCode(error)}): is it running? Then start again.`,
    { cause: error },
  );
}

/** A start that fails half-way leaves no server running behind it. */
async function withServer<T>(server: EmbeddedPostgres, logger: Logger, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await server
      .release()
      .catch((cause: unknown) => logger.warn({ err: cause }, "could not release the embedded server"));
    throw explainAway(await server.explain(error));
  }
}
