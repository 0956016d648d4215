/**
 * A transaction on one connection of the pool, as Drizzle wants it, with savepoints for those within it.
 *
 * It never goes on elsewhere: when its connection is gone, it has failed.
 */
import type { PendingQuery, Row, TransactionSql } from "postgres";
import { isDatabaseAway } from "./error-code.ts";
import { ask, type Connection, checkOpen, type Parameters, type Query, rowsOf } from "./pooled-connection.ts";

export type Work = (tx: TransactionSql) => Promise<unknown>;

/** One transaction on a connection that nobody else has meanwhile. */
export async function transact(connection: Connection, work: Work): Promise<unknown> {
  const state: TransactionState = { isOver: false, failure: null, savepoints: 0 };
  await ask(connection, (sql) => sql.unsafe("begin"));
  try {
    const result = await work(transactionClient(connection, state));
    state.isOver = true;
    const { command } = await ask(connection, (sql) => sql.unsafe("commit"));
    // The server makes a rollback of it when a statement had failed, whoever caught that.
    if (command !== "COMMIT") throw state.failure ?? new Error("the transaction was rolled back");
    return result;
  } catch (error) {
    state.isOver = true;
    await rollBack(connection, "rollback");
    throw error;
  }
}

interface TransactionState {
  /** Nothing more is asked in it: the connection may be another one's by then. */
  isOver: boolean;
  /** The first statement that failed. */
  failure: unknown;
  savepoints: number;
}

function transactionClient(connection: Connection, state: TransactionState): TransactionSql {
  const checkUnderWay = () => {
    if (state.isOver) throw new Error("the transaction is over");
  };
  const run = async <T>(query: Query<T>, prepared?: string): Promise<T> => {
    checkUnderWay();
    return ask(connection, query, prepared).catch((error: unknown) => {
      state.failure ??= error;
      throw error;
    });
  };
  const savepoint = async (work: Work) => {
    state.savepoints += 1;
    const name = `savepoint_${state.savepoints}`;
    await run((sql) => sql.unsafe(`savepoint ${name}`));
    const before = state.failure;
    try {
      return await work(client);
    } catch (error) {
      await rollBack(connection, `rollback to ${name}`);
      state.failure = before;
      throw error;
    }
  };
  // A template (COPY) is the driver's own matter: but on a connection that is gone, it would open one anew for it.
  const client = new Proxy(connection.sql, {
    apply(sql, self, args) {
      checkUnderWay();
      checkOpen(connection);
      return watched(connection, Reflect.apply(sql, self, args));
    },
    get(sql, key) {
      if (key === "unsafe") return (statement: string, parameters: Parameters) => rowsOf(run, statement, parameters);
      if (key === "savepoint") return savepoint;
      return Reflect.get(sql, key);
    },
  }) as unknown as TransactionSql;
  return client;
}

/**
 * Gives the connection up when the stream of a COPY fails with it. That is heard before the connection's own end, and the
 * driver never answers what is asked of it in between.
 */
function watched(connection: Connection, made: unknown): unknown {
  if (!isQuery(made)) return made;
  const openStream = made.writable.bind(made);
  made.writable = async () => {
    const stream = await openStream();
    return stream.once("error", (error) => {
      if (isDatabaseAway(error)) connection.discard();
    });
  };
  return made;
}

/** What a template makes, unless it is a name or a list for another one. */
function isQuery(made: unknown): made is PendingQuery<Row[]> {
  return made instanceof Promise && "writable" in made;
}

/** A connection that does not even roll back is in nobody knows what state. */
async function rollBack(connection: Connection, statement: string): Promise<void> {
  if (connection.isClosed) return;
  await ask(connection, (sql) => sql.unsafe(statement)).catch(connection.discard);
}
