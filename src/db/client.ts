/**
 * Connections to PostgreSQL: the pool with Drizzle on it, separate sessions, read-only transactions.
 *
 * The only module that opens connections. It knows nothing of the tables. `check-server.ts` checks whether a server is
 * suitable, `embedded/server.ts` starts one.
 */
import { is, sql as query } from "drizzle-orm";
import { type PgAsyncDatabase, PgAsyncTransaction } from "drizzle-orm/pg-core";
import { drizzle, type PostgresJsQueryResultHKT, postgresJsCodecs } from "drizzle-orm/postgres-js";
import postgres, { type JSONValue, type Notice, type Sql } from "postgres";
import type { PoolUse } from "../observability/meter.ts";
import { ARRAY_TYPES } from "./driver/array-types.ts";
import { createPool } from "./driver/pool.ts";
import {
  type DatabaseTarget,
  type Destination,
  resolveTarget,
  type SocketServer,
  type TargetOptions,
} from "./driver/target-options.ts";
import { errorCode } from "./error-code.ts";

/** The first argument of a query function: the pool, or a transaction. */
export type Db = PgAsyncDatabase<PostgresJsQueryResultHKT>;

export type { DatabaseTarget, SocketServer };

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
   * One connection outside the pool, opened at its first query, without our timeouts, never recycled: for a session lock or
   * for LISTEN. `name` is shown in pg_stat_activity. `onClose` is called when the connection, and with it its locks,
   * is gone. The caller ends it.
   */
  openSession(name: string, onClose?: () => void): Sql;
  readonly destination: Destination;
  /** How busy the pool is now, without a query. */
  poolUse(): PoolUse;
  /** Waits up to 5 s for running statements, then ends every connection of the pool. */
  close(): Promise<void>;
}

/** Opens no connection yet: the first queries do. A malformed URL is a StartupError. */
export function connectDatabase(target: DatabaseTarget, options: ConnectOptions = {}): Database {
  const { poolSize = 10, statementTimeoutMs = 30_000, onNotice } = options;
  const resolved = resolveTarget(target);
  const { client, use, close } = createPool({
    open: (onClose) => openConnection(resolved, { name: resolved.applicationName, onNotice, onClose }),
    setUp: (sql) => sql.unsafe(limitTimes(statementTimeoutMs)),
    size: poolSize,
    answerTimeoutMs: statementTimeoutMs + ANSWER_MARGIN_MS,
  });
  return {
    db: drizzle({ client, codecs: createCodecs(client) }),
    openSession: (name, onClose) => openConnection(resolved, { name: `${resolved.applicationName} ${name}`, onClose }),
    destination: resolved.destination,
    poolUse: use,
    close: () => close(CLOSE_TIMEOUT_MS),
  };
}

/** As `Database.openSession`, for a caller that has no `Database` yet. */
export function openSession(target: DatabaseTarget, name: string, onClose?: () => void): Sql {
  return openConnection(resolveTarget(target), { name, onClose });
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

/**
 * Set by a statement, and not in the startup message: a pooling proxy refuses a startup message with them, or ignores them
 * where it is told to.
 */
function limitTimes(statementTimeoutMs: number): string {
  return `select set_config('statement_timeout', '${statementTimeoutMs}', false),
    set_config('idle_in_transaction_session_timeout', '${IDLE_TRANSACTION_TIMEOUT_MS}', false)`;
}

interface ConnectionSettings {
  readonly name: string;
  readonly onNotice?: ((notice: Notice) => void) | undefined;
  readonly onClose?: (() => void) | undefined;
}

function openConnection(target: TargetOptions, { name, onNotice, onClose }: ConnectionSettings): Sql {
  return postgres({
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    types: ARRAY_TYPES,
    // Finds a server that is back within two seconds; the driver's own pause grows to 20 s.
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 2),
    onnotice: (notice: Notice) => onNotice?.(notice),
    onclose: () => onClose?.(),
    connection: {
      application_name: name,
      TimeZone: "UTC",
      DateStyle: "ISO, MDY",
      ...target.startup,
    },
    // Otherwise the driver ends a connection after 30 to 60 minutes, and with it a session lock or a transaction.
    max_lifetime: null,
    idle_timeout: 0,
    ...target.driver,
  });
}
