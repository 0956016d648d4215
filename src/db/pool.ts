/**
 * A pool of connections for Drizzle, each a client of the driver by itself, which is never used again once it has closed.
 *
 * The driver's own pool is not to be trusted where connections die: 3.4.9 writes to a connection that is gone, which ends
 * the process or leaves the connection hanging for ever, and may go on with a dead transaction on a new connection
 * (porsager/postgres #1186, #1208, #1216). It knows nothing of addresses and of what is asked.
 */
import postgres, { type ParameterOrJSON, type PendingQuery, type Row, type Sql, type TransactionSql } from "postgres";
import { waitUpTo } from "../wait-up-to.ts";
import { isDatabaseAway } from "./error-code.ts";

export interface PoolOptions {
  /** Opens one connection, at its first query; `onClose` is to hear, at once, when it is gone. */
  open(onClose: () => void): Sql;
  /** Most connections at once; who comes then waits for one. */
  size: number;
  /** After how long a connection is replaced, at the latest twice that: the server's memory of a session only grows. */
  lifeMs?: number;
}

export interface Pool {
  /** What Drizzle uses of the driver: single statements, transactions, savepoints. */
  readonly client: Sql;
  /** Takes no more work, waits up to `limitMs` for what runs, and ends every connection. */
  close(limitMs: number): Promise<void>;
}

interface Connection {
  readonly sql: Sql;
  /** Gone, or not to be trusted any more: nothing is ever asked on it again. */
  isClosed: boolean;
  /** By `performance.now()`. */
  readonly retiresAt: number;
}

const HALF_AN_HOUR_MS = 30 * 60_000;

/** Opens nothing yet; throws what `open` throws. */
export function createPool({ open, size, lifeMs = HALF_AN_HOUR_MS }: PoolOptions): Pool {
  const connections = new Set<Connection>();
  const idle: Connection[] = [];
  const waiting: PromiseWithResolvers<Connection>[] = [];
  let ending: PromiseWithResolvers<void> | null = null;

  const connect = (): Connection => {
    const connection: Connection = {
      sql: open(() => close(connection)),
      isClosed: false,
      retiresAt: performance.now() + lifeMs * (1 + Math.random()),
    };
    Object.assign(connection.sql.options.parsers, options.parsers);
    Object.assign(connection.sql.options.serializers, options.serializers);
    connections.add(connection);
    return connection;
  };
  const close = (connection: Connection) => {
    if (connection.isClosed) return;
    connection.isClosed = true;
    connections.delete(connection);
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    waiting.shift()?.resolve(connect());
    checkEnd();
  };
  const discard = (connection: Connection) => {
    close(connection);
    // Nobody waits for it: a connection that hangs must not hold up who gave it up.
    connection.sql.end({ timeout: 0 }).catch(() => undefined);
  };
  const take = async (): Promise<Connection> => {
    if (ending) throw connectionError("CONNECTION_ENDED", "the pool is closed");
    const free = idle.pop();
    if (free) return free;
    if (connections.size < size) return connect();
    const turn = Promise.withResolvers<Connection>();
    waiting.push(turn);
    return turn.promise;
  };
  const giveBack = (connection: Connection) => {
    if (connection.isClosed) return;
    if (performance.now() > connection.retiresAt) return discard(connection);
    const next = waiting.shift();
    if (next) next.resolve(connection);
    else idle.push(connection);
    checkEnd();
  };
  const checkEnd = () => {
    if (idle.length === connections.size) ending?.resolve();
  };

  const ask: Ask = async (connection, query) => {
    if (connection.isClosed) throw connectionGone();
    try {
      return await query(connection.sql);
    } catch (error) {
      if (!isAnswer(error)) discard(connection);
      throw error;
    }
  };
  const withConnection = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await take();
    try {
      return await work(connection);
    } finally {
      giveBack(connection);
    }
  };

  // Never connects: Drizzle sets up there how values are read and written.
  const { options, json } = open(() => undefined);
  // All that Drizzle asks of the driver; anything else is to fail instead of finding a way around the pool.
  const client = {
    options,
    json,
    unsafe: (statement: string, parameters: Parameters) =>
      rowsOf((query) => withConnection((connection) => ask(connection, query)), statement, parameters),
    begin: (work: Work) =>
      withConnection((connection) => transact({ ask, connection, discard: () => discard(connection) }, work)),
  } as unknown as Sql;

  return {
    client,
    async close(limitMs) {
      ending ??= Promise.withResolvers();
      checkEnd();
      await waitUpTo(limitMs, ending.promise);
      // They would be given new connections else, which nobody would close.
      for (const turn of waiting.splice(0)) turn.reject(connectionError("CONNECTION_ENDED", "the pool is closed"));
      await Promise.all([...connections].map(({ sql }) => sql.end({ timeout: 0 })));
    },
  };
}

type Parameters = ParameterOrJSON<never>[];
type Query<T> = (sql: Sql) => PromiseLike<T>;
type Ask = <T>(connection: Connection, query: Query<T>) => Promise<T>;
type Work = (tx: TransactionSql) => Promise<unknown>;

interface Transaction {
  ask: Ask;
  connection: Connection;
  discard(): void;
}

/** One transaction on a connection that nobody else has meanwhile. */
async function transact(transaction: Transaction, work: Work): Promise<unknown> {
  const { ask, connection } = transaction;
  const state: TransactionState = { isOver: false, failure: null, savepoints: 0 };
  await ask(connection, (sql) => sql.unsafe("begin"));
  try {
    const result = await work(transactionClient(transaction, state));
    state.isOver = true;
    const { command } = await ask(connection, (sql) => sql.unsafe("commit"));
    // The server makes a rollback of it when a statement had failed, whoever caught that.
    if (command !== "COMMIT") throw state.failure ?? new Error("the transaction was rolled back");
    return result;
  } catch (error) {
    state.isOver = true;
    await rollBack(transaction, "rollback");
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

function transactionClient(transaction: Transaction, state: TransactionState): TransactionSql {
  const { ask, connection } = transaction;
  const checkOpen = () => {
    if (state.isOver) throw new Error("the transaction is over");
  };
  const run = async <T>(query: Query<T>): Promise<T> => {
    checkOpen();
    return ask(connection, query).catch((error: unknown) => {
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
      await rollBack(transaction, `rollback to ${name}`);
      state.failure = before;
      throw error;
    }
  };
  // A template (COPY) is the driver's own matter: but on a connection that is gone, it would open one anew for it.
  const client = new Proxy(connection.sql, {
    apply(sql, self, args) {
      checkOpen();
      if (connection.isClosed) throw connectionGone();
      return Reflect.apply(sql, self, args);
    },
    get(sql, key) {
      if (key === "unsafe") return (statement: string, parameters: Parameters) => rowsOf(run, statement, parameters);
      if (key === "savepoint") return savepoint;
      return Reflect.get(sql, key);
    },
  }) as unknown as TransactionSql;
  return client;
}

/** A connection that does not even roll back is in nobody knows what state. */
async function rollBack({ ask, connection, discard }: Transaction, statement: string): Promise<void> {
  if (connection.isClosed) return;
  await ask(connection, (sql) => sql.unsafe(statement)).catch(discard);
}

/**
 * The rows of a statement, as objects or, with `values()`, as arrays: asked for in the same turn, as Drizzle does.
 *
 * Drizzle asks the driver for statements without a name, which it then has described in a round trip of their own, and the
 * server plans anew each time. Prepared once for each connection, a statement costs about half.
 */
function rowsOf(run: <T>(query: Query<T>) => Promise<T>, statement: string, parameters: Parameters) {
  let asValues = false;
  const rows = Promise.resolve().then(() =>
    run<unknown>((sql) => {
      const query: PendingQuery<Row[]> = sql.unsafe(statement, parameters, { prepare: true });
      return asValues ? query.values() : query;
    }),
  );
  return Object.assign(rows, {
    values() {
      asValues = true;
      return rows;
    },
  });
}

/** Whether the server answered, and goes on listening: after anything else the connection is given up. */
function isAnswer(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !isDatabaseAway(error);
}

function connectionGone(): Error {
  return connectionError("CONNECTION_CLOSED", "the connection is gone");
}

function connectionError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
