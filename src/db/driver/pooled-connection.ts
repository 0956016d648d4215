/**
 * One connection of the pool: what is asked on it, and when it is not to be trusted any more.
 */
import postgres, { type ParameterOrJSON, type PendingQuery, type Row, type Sql } from "postgres";
import { answerWithin } from "../../process/timeout.ts";
import { isDatabaseAway, isReadOnly } from "../error-code.ts";
import type { BackendWatch } from "./backend-watch.ts";
import { connectionError, noAnswer } from "./connection-error.ts";

export interface Connection {
  readonly sql: Sql;
  /** Gone, or given up: nothing is ever asked on it again. */
  isClosed: boolean;
  /** When it is replaced, by `performance.now()`. */
  readonly retiresAt: number;
  /** The statements that both ends have prepared and remember. */
  readonly prepared: Set<string>;
  /** About what the server holds of them. */
  preparedBytes: number;
  /** How long an answer may take, in milliseconds: longer than the server itself lets a statement take. */
  readonly answerLimitMs: number;
  /** While there is one, an answer may take any time. */
  watch: BackendWatch | null;
  /** Begins to look whether the server still has its process `pid`. */
  startWatch(pid: number): BackendWatch;
  /** Gives it up. */
  discard(): void;
}

export type Query<T> = (sql: Sql) => PromiseLike<T>;
export type Parameters = ParameterOrJSON<never>[];

/** Asks on a connection, which is given up when the server does not answer. `prepared`: the statement that the query prepares. */
export async function ask<T>(connection: Connection, query: Query<T>, prepared?: string): Promise<T> {
  checkOpen(connection);
  if (prepared !== undefined) note(connection, prepared);
  try {
    const answer = Promise.resolve(query(connection.sql));
    if (connection.watch) return await Promise.race([answer, connection.watch.lost]);
    return await answerWithin(connection.answerLimitMs, answer, noAnswer);
  } catch (error) {
    if (!isAnswer(error)) connection.discard();
    throw error;
  }
}

function note(connection: Connection, statement: string): void {
  if (connection.prepared.has(statement)) return;
  connection.prepared.add(statement);
  // Measured with lists of admins: 90 kB for 800 characters, 1.1 MB for 2,500, 12 MB for 8,900. It grows with what is joined to
  // what, so with the square of the text; and the shortest takes some.
  connection.preparedBytes += 20_000 + statement.length ** 2 / 6;
}

/** @throws what a cut connection's error looks like, when the connection is closed. */
export function checkOpen({ isClosed }: Connection): void {
  if (isClosed) throw connectionError("CONNECTION_CLOSED", "the connection is gone");
}

/**
 * The rows of a statement, as objects or, with `values()`, as arrays: asked for in the same turn, as Drizzle does.
 *
 * Drizzle asks the driver for statements without a name, which it then has described in a round trip of their own, and the
 * server plans anew each time. Prepared once for each connection, a statement costs about half.
 */
export function rowsOf(
  run: <T>(query: Query<T>, prepared: string) => Promise<T>,
  statement: string,
  parameters: Parameters,
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
 * Whether the server answered, and goes on listening: after anything else the connection is given up. So it is when it only
 * reads: after a failover the address leads to another server, but a connection that stands stays where it is.
 */
function isAnswer(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !isDatabaseAway(error) && !isReadOnly(error);
}
