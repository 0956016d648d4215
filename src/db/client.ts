/**
 * Connections to PostgreSQL: the pool with Drizzle on it, sessions of their own, read-only transactions.
 *
 * The only place that opens a connection. It knows nothing of the tables, and it does not look whether a server is fit for
 * us (`check-server.ts`) or started (`embedded.ts`).
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

/** What a query function takes: the pool, or a transaction. */
export type Db = PgAsyncDatabase<PostgresJsQueryResultHKT>;

/** A server that listens on a Unix socket in `socketDir` and trusts whoever can reach it. */
export interface SocketServer {
  readonly socketDir: string;
  readonly user: string;
}

/** Where a database is: what `DATABASE_URL` says, or a named one on a server with a socket of our own. */
export type DatabaseTarget = { readonly url: string } | (SocketServer & { readonly database: string });

export interface ConnectOptions {
  /** Most connections the pool opens; 10 when left out. */
  readonly poolSize?: number;
  /** After how long the server ends a statement of the pool; 30 s when left out. */
  readonly statementTimeoutMs?: number;
  /** What the server remarks beside its answers; ignored when left out. */
  readonly onNotice?: (notice: Notice) => void;
}

export interface Database {
  readonly db: Db;
  /**
   * One connection beside the pool, opened at its first query, with no statement timeout, and never recycled: for a session
   * lock or for LISTEN. `name` is seen in pg_stat_activity; `onClose` hears when the connection is gone, and with it its
   * locks. The caller ends it.
   */
  openSession(name: string, onClose?: () => void): Sql;
  /** How busy the pool is right now; asks nobody. */
  poolUse(): PoolUse;
  /** Waits up to 5 s for what runs, then ends every connection of the pool. */
  close(): Promise<void>;
}

/** Opens nothing yet: connections come with the first queries. A DATABASE_URL that is no URL is a StartupError. */
export function connectDatabase(target: DatabaseTarget, options: ConnectOptions = {}): Database {
  const { poolSize = 10, statementTimeoutMs = 30_000, onNotice } = options;
  const { client, use, close } = createPool({
    open: (onClose) => openConnection(target, { name: "counterhand", statementTimeoutMs, onNotice, onClose }),
    size: poolSize,
    answerLimitMs: statementTimeoutMs + ANSWER_MARGIN_MS,
  });
  return {
    db: drizzle({ client, codecs: createCodecs(client) }),
    openSession: (name, onClose) => openSession(target, `counterhand ${name}`, onClose),
    poolUse: use,
    close: () => close(CLOSE_LIMIT_MS),
  };
}

/** One lasting connection to `target`, as `Database.openSession` says, for those who have no `Database` yet. */
export function openSession(target: DatabaseTarget, name: string, onClose?: () => void): Sql {
  return openConnection(target, { name, statementTimeoutMs: NO_TIMEOUT_MS, onClose });
}

/** Creates the database unless it is there; several may try at once. `name` is one of ours, in lower case. */
export async function createDatabaseIfMissing(server: SocketServer, name: string): Promise<void> {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) throw new TypeError(`Not a database name of ours: ${name}`);
  const session = openSession({ ...server, database: "postgres" }, "counterhand setup");
  try {
    const [found] = await session`select 1 from pg_database where datname = ${name}`;
    if (!found) await session`create database ${session(name)}`;
  } catch (error) {
    if (!LOST_THE_RACE.has(errorCode(error) ?? "")) throw error;
  } finally {
    // Its default waits for ever when the server has gone away.
    await session.end({ timeout: 0 });
  }
}

/** Somebody else created the same database at the same time: seen before the insert, or by the unique index. */
const LOST_THE_RACE = new Set(["42P04", "23505"]);

/**
 * Does `work` in one READ ONLY transaction that sees one state of the data throughout; the server ends a statement
 * after `statementTimeoutMs`. `db` is the pool: within a transaction Drizzle would drop "read only" without a word.
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
 * Drizzle's own, save that JSON is given with its type: the driver guesses types from values, takes `true` and `[true]` for
 * boolean, and the server then refuses them.
 */
function createCodecs({ json }: Sql) {
  return {
    ...postgresJsCodecs,
    jsonb: { ...postgresJsCodecs.jsonb, normalizeParam: (value: JSONValue) => json(value) },
  };
}

/** How long a statement may still take when the pool is closed, in milliseconds. */
const CLOSE_LIMIT_MS = 5_000;

/** How much later than the server's own time limit a statement's answer may come, in milliseconds. */
const ANSWER_MARGIN_MS = 5_000;

/**
 * How long a transaction may wait for us, in milliseconds: one of a process that is frozen holds locks that whoever takes its
 * work over needs. Half the lease of a worker.
 */
const IDLE_TRANSACTION_LIMIT_MS = 5_000;

/** The longest the server knows, 24 days: the driver leaves out a setting of 0, and the role's own might come in. */
const NO_TIMEOUT_MS = 2_147_483_647;

interface Opening {
  readonly name: string;
  readonly statementTimeoutMs: number;
  readonly onNotice?: ((notice: Notice) => void) | undefined;
  readonly onClose?: (() => void) | undefined;
}

function openConnection(target: DatabaseTarget, opening: Opening): Sql {
  const options = {
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    types: ARRAY_TYPES,
    // A server that was away is found again within two seconds; the driver's own pause grows to 20.
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 2),
    onnotice: (notice: Notice) => opening.onNotice?.(notice),
    onclose: () => opening.onClose?.(),
    connection: {
      application_name: opening.name,
      TimeZone: "UTC",
      DateStyle: "ISO, MDY",
      statement_timeout: opening.statementTimeoutMs,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_LIMIT_MS,
    },
    // The driver would end a connection after 30 to 60 minutes, and a session lock or a transaction with it.
    max_lifetime: null,
    idle_timeout: 0,
  };
  if ("url" in target) return openUrl(target.url, options);
  const { socketDir, user, database } = target;
  return postgres({ ...options, path: join(socketDir, ".s.PGSQL.5432"), port: 5432, user, database, ssl: false });
}

function openUrl(url: string, options: object): Sql {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new StartupError("DATABASE_URL must begin with postgres://");
  try {
    const { address, socketDir } = splitSocket(new URL(url));
    if (socketDir === null) return postgres(url, options);
    return postgres(address, { ...options, path: join(socketDir, ".s.PGSQL.5432"), ssl: false });
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof URIError)) throw error;
    // Without the cause: it quotes the URL, and the password with it.
    throw new StartupError(
      "DATABASE_URL is not a valid URL: special characters of its password must be percent-encoded",
    );
  }
}

/**
 * A Unix socket's folder in a URL, in the two spellings of libpq: `postgres://user@%2Fvar%2Frun/db` and
 * `postgres://user@localhost/db?host=/var/run`. The driver knows neither.
 */
function splitSocket(url: URL): { address: string; socketDir: string | null } {
  const folder = url.searchParams.get("host") ?? decodeURIComponent(url.hostname);
  if (!folder.startsWith("/")) return { address: url.href, socketDir: null };
  url.searchParams.delete("host");
  url.hostname = "localhost";
  return { address: url.href, socketDir: folder };
}
