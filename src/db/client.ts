/**
 * Connections to PostgreSQL: the pool with Drizzle on it, separate sessions, read-only transactions.
 *
 * The only module that opens connections. It knows nothing of the tables. `check-server.ts` checks whether a server is
 * suitable, `embedded/server.ts` starts one.
 */
import { join } from "node:path";
import { is, sql as query } from "drizzle-orm";
import { type PgAsyncDatabase, PgAsyncTransaction } from "drizzle-orm/pg-core";
import { drizzle, type PostgresJsQueryResultHKT, postgresJsCodecs } from "drizzle-orm/postgres-js";
import postgres, { type JSONValue, type Notice, type Sql } from "postgres";
import { StartupError } from "../errors.ts";
import type { PoolUse } from "../observability/meter.ts";
import { ARRAY_TYPES } from "./driver/array-types.ts";
import { createPool } from "./driver/pool.ts";
import { errorCode } from "./error-code.ts";

/** The first argument of a query function: the pool, or a transaction. */
export type Db = PgAsyncDatabase<PostgresJsQueryResultHKT>;

/** A server that listens on a Unix socket in `socketDir`, with trust authentication. */
export interface SocketServer {
  readonly socketDir: string;
  readonly user: string;
}

/** Where a database is: at a URL, or by its name on the embedded server. */
export type DatabaseTarget = { readonly url: string } | (SocketServer & { readonly database: string });

export interface ConnectOptions {
  /** Most connections that the pool opens; 10 when left out. */
  readonly poolSize?: number;
  /** After how long the server cancels a statement of the pool; 30 s when left out. */
  readonly statementTimeoutMs?: number;
  /** Receives the server's NOTICE and WARNING messages; ignored when left out. */
  readonly onNotice?: (notice: Notice) => void;
}

export interface Database {
  readonly db: Db;
  /**
   * One connection outside the pool, opened at its first query, without statement timeout, never recycled: for a session
   * lock or for LISTEN. `name` is shown in pg_stat_activity. `onClose` is called when the connection, and with it its locks,
   * is gone. The caller ends it.
   */
  openSession(name: string, onClose?: () => void): Sql;
  /** How busy the pool is now, without a query. */
  poolUse(): PoolUse;
  /** Waits up to 5 s for running statements, then ends every connection of the pool. */
  close(): Promise<void>;
}

/** Opens no connection yet: the first queries do. A malformed URL is a StartupError. */
export function connectDatabase(target: DatabaseTarget, options: ConnectOptions = {}): Database {
  const { poolSize = 10, statementTimeoutMs = 30_000, onNotice } = options;
  const { client, use, close } = createPool({
    open: (onClose) => openConnection(target, { name: "counterhand", statementTimeoutMs, onNotice, onClose }),
    size: poolSize,
    answerTimeoutMs: statementTimeoutMs + ANSWER_MARGIN_MS,
  });
  return {
    db: drizzle({ client, codecs: createCodecs(client) }),
    openSession: (name, onClose) => openSession(target, `counterhand ${name}`, onClose),
    poolUse: use,
    close: () => close(CLOSE_TIMEOUT_MS),
  };
}

/** As `Database.openSession`, for a caller that has no `Database` yet. */
export function openSession(target: DatabaseTarget, name: string, onClose?: () => void): Sql {
  return openConnection(target, { name, statementTimeoutMs: NO_TIMEOUT_MS, onClose });
}

/** Creates the database unless it exists. Several processes may try at once. `name` is in lower case. */
export async function createDatabaseIfMissing(server: SocketServer, name: string): Promise<void> {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) throw new TypeError(`Not a valid database name: ${name}`);
  const session = openSession({ ...server, database: "postgres" }, "counterhand setup");
  try {
    const [found] = await session`select 1 from pg_database where datname = ${name}`;
    if (!found) await session`create database ${session(name)}`;
  } catch (error) {
    if (!ALREADY_EXISTS_CODES.has(errorCode(error) ?? "")) throw error;
  } finally {
    // Without a timeout `end` waits forever when the server is gone.
    await session.end({ timeout: 0 });
  }
}

/** Another process created the database at the same time: PostgreSQL finds it first, or the catalog's unique index does. */
const ALREADY_EXISTS_CODES = new Set(["42P04", "23505"]);

/**
 * Runs `work` in one READ ONLY transaction on one snapshot of the data. The server cancels a statement after
 * `statementTimeoutMs`. `db` must be the pool: within a transaction Drizzle silently drops "read only".
 */
export function readOnly<T>(
  db: Db,
  { statementTimeoutMs }: { statementTimeoutMs: number },
  work: (tx: Db) => Promise<T>,
): Promise<T> {
  if (is(db, PgAsyncTransaction)) throw new TypeError("readOnly needs the pool, not a transaction");
  return db.transaction(
    async (tx) => {
      await tx.execute(query`select set_config('statement_timeout', ${String(statementTimeoutMs)}, true)`);
      return work(tx);
    },
    { accessMode: "read only", isolationLevel: "repeatable read" },
  );
}

/**
 * Drizzle's own codecs, except that JSON is sent with its type. The driver guesses types from values: it sends `true` and
 * `[true]` as boolean, which the server rejects.
 */
function createCodecs({ json }: Sql) {
  return {
    ...postgresJsCodecs,
    jsonb: { ...postgresJsCodecs.jsonb, normalizeParam: (value: JSONValue) => json(value) },
  };
}

/** How long a running statement may take once the pool is closing, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** How much later than the server's own statement timeout an answer may come, in milliseconds. */
const ANSWER_MARGIN_MS = 5_000;

/**
 * How long a transaction may be idle, in milliseconds. A frozen process holds locks that the process which takes over its
 * work needs. Half of a worker's lease.
 */
const IDLE_TRANSACTION_TIMEOUT_MS = 5_000;

/** The server's maximum, 24 days. The driver omits a setting of 0, and then the role's own setting would apply. */
const NO_TIMEOUT_MS = 2_147_483_647;

interface ConnectionSettings {
  readonly name: string;
  readonly statementTimeoutMs: number;
  readonly onNotice?: ((notice: Notice) => void) | undefined;
  readonly onClose?: (() => void) | undefined;
}

function openConnection(target: DatabaseTarget, settings: ConnectionSettings): Sql {
  const options = {
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    types: ARRAY_TYPES,
    // Finds a server that is back within two seconds; the driver's own pause grows to 20 s.
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 2),
    onnotice: (notice: Notice) => settings.onNotice?.(notice),
    onclose: () => settings.onClose?.(),
    connection: {
      application_name: settings.name,
      TimeZone: "UTC",
      DateStyle: "ISO, MDY",
      statement_timeout: settings.statementTimeoutMs,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    },
    // Otherwise the driver ends a connection after 30 to 60 minutes, and with it a session lock or a transaction.
    max_lifetime: null,
    idle_timeout: 0,
  };
  if ("url" in target) return openUrl(target.url, options);
  const { socketDir, user, database } = target;
  return postgres({ ...options, path: join(socketDir, ".s.PGSQL.5432"), port: 5432, user, database, ssl: false });
}

function openUrl(url: string, options: object): Sql {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new StartupError("DATABASE_URL must start with postgres://");
  try {
    const { address, socketDir } = splitSocket(new URL(url));
    if (socketDir === null) return postgres(url, options);
    return postgres(address, { ...options, path: join(socketDir, ".s.PGSQL.5432"), ssl: false });
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof URIError)) throw error;
    // Without the cause, which quotes the URL and with it the password.
    throw new StartupError(
      "DATABASE_URL is not a valid URL: percent-encode special characters in the password (@ as %40)",
    );
  }
}

/**
 * The folder of a Unix socket in a URL, in libpq's two forms: `postgres://user@%2Fvar%2Frun/db` and
 * `postgres://user@localhost/db?host=/var/run`. The driver supports neither.
 */
function splitSocket(url: URL): { address: string; socketDir: string | null } {
  const folder = url.searchParams.get("host") ?? decodeURIComponent(url.hostname);
  if (!folder.startsWith("/")) return { address: url.href, socketDir: null };
  url.searchParams.delete("host");
  url.hostname = "localhost";
  return { address: url.href, socketDir: folder };
}
