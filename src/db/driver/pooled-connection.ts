/**
 * One connection of the pool: how statements are sent on it, and when it must not be used any more.
 */
import postgres, { type ParameterOrJSON, type PendingQuery, type Row, type Sql } from "postgres";
import { answerWithin } from "../../process/timeout.ts";
import { isDatabaseUnavailable, isReadOnly } from "../error-code.ts";
import { type BackendWatch, watchBackend } from "./backend-watch.ts";
import { connectionError, noAnswer } from "./connection-error.ts";

export interface PooledConnection {
  readonly sql: Sql;
  /** Gone or discarded: nothing is ever sent on it again. */
  isClosed: boolean;
  /** Whether `ConnectionOptions.setUp` has run. */
  isSetUp: boolean;
  /** When it is replaced, by `performance.now()`. */
  readonly retiresAt: number;
  /** The statements that both ends have prepared and keep. */
  readonly prepared: Set<string>;
  /** Roughly the server's memory for them. */
  preparedBytes: number;
  /** How long an answer may take, in milliseconds: longer than the server's own statement timeout. */
  readonly answerTimeoutMs: number;
  /** While it is set, an answer may take any time. */
  watch: BackendWatch | null;
  /** Starts to check whether the server still has the backend process `pid`. */
  startWatch(pid: number): BackendWatch;
  /** Closes it at once. */
  discard(): void;
}

export interface ConnectionOptions {
  /** Returns one connection, which opens at its first query. `onClose` must be called at once when it is gone. */
  open(onClose: () => void): Sql;
  /** Runs on each connection before its first statement; nothing when left out. */
  setUp?: SendQuery<unknown>;
  /** How long an answer may take, in milliseconds; then the connection counts as gone. A transaction may lift this limit. */
  answerTimeoutMs: number;
  /**
   * How long a connection is used, in milliseconds, at most twice that: the server's memory for a session only grows. Half
   * an hour when left out.
   */
  lifetimeMs?: number;
}

const HALF_AN_HOUR_MS = 30 * 60_000;

/** Values are read and written as in `template`. Calls `onClosed` once, when the connection is gone or discarded. */
export function openPooledConnection(
  { open, answerTimeoutMs, lifetimeMs = HALF_AN_HOUR_MS }: ConnectionOptions,
  template: Sql,
  onClosed: (connection: PooledConnection) => void,
): PooledConnection {
  const markClosed = () => {
    if (connection.isClosed) return;
    connection.isClosed = true;
    onClosed(connection);
  };
  const connection: PooledConnection = {
    sql: open(markClosed),
    isClosed: false,
    isSetUp: false,
    prepared: new Set(),
    preparedBytes: 0,
    answerTimeoutMs,
    watch: null,
    startWatch: (pid) => watchBackend({ pid, open: () => open(() => undefined), timeoutMs: answerTimeoutMs }),
    retiresAt: performance.now() + lifetimeMs * (1 + Math.random()),
    discard() {
      markClosed();
      // Not awaited: a connection that hangs must not block the caller that gives it up.
      connection.sql.end({ timeout: 0 }).catch(() => undefined);
    },
  };
  Object.assign(connection.sql.options.parsers, template.options.parsers);
  Object.assign(connection.sql.options.serializers, template.options.serializers);
  return connection;
}

/** Sends one query with the given client. */
export type SendQuery<T> = (sql: Sql) => PromiseLike<T>;
export type StatementParameters = ParameterOrJSON<never>[];

/**
 * Sends a query on a connection, and discards the connection when the server does not answer. `prepared` is the statement
 * that the query prepares.
 */
export async function send<T>(connection: PooledConnection, query: SendQuery<T>, prepared?: string): Promise<T> {
  if (connection.isClosed) throw connectionError("CONNECTION_CLOSED", "the connection is gone");
  if (prepared !== undefined) recordPrepared(connection, prepared);
  try {
    const answer = Promise.resolve(query(connection.sql));
    if (connection.watch) return await Promise.race([answer, connection.watch.lost]);
    return await answerWithin(connection.answerTimeoutMs, answer, noAnswer);
  } catch (error) {
    if (!isUsableAfter(error)) connection.discard();
    throw error;
  }
}

function recordPrepared(connection: PooledConnection, statement: string): void {
  if (connection.prepared.has(statement)) return;
  connection.prepared.add(statement);
  // Measured with lists of the admin API: 90 kB for 800 characters, 1.1 MB for 2,500, 12 MB for 8,900. Memory grows with the
  // number of joins, so with the square of the text; and the shortest statement takes some.
  connection.preparedBytes += 20_000 + statement.length ** 2 / 6;
}

/**
 * The rows of a statement, as objects, or as arrays when `values()` is called in the same tick, as Drizzle does.
 *
 * Drizzle asks the driver for unnamed statements. The driver has each of those described in a round trip of its own, and
 * the server plans it anew each time. Prepared once for each connection, a statement costs about half.
 */
export function queryRows(
  run: <T>(query: SendQuery<T>, prepared: string) => Promise<T>,
  statement: string,
  parameters: StatementParameters,
) {
  let asValues = false;
  const rows = Promise.resolve().then(() =>
    run<unknown>((sql) => {
      const query: PendingQuery<Row[]> = sql.unsafe(statement, parameters, { prepare: true });
      return asValues ? query.values() : query;
    }, statement),
  );
  return Object.assign(rows, {
    values() {
      asValues = true;
      return rows;
    },
  });
}

/**
 * Whether the connection can be used again after `error`: the server answered and did not end the session. A server that
 * has become read-only counts as lost: after a failover the address leads to another server, but an open connection stays
 * with the old one.
 */
function isUsableAfter(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !isDatabaseUnavailable(error) && !isReadOnly(error);
}
