/**
 * A transaction on one connection of the pool, with the methods that Drizzle calls, and with savepoints for nested ones.
 *
 * It never continues on another connection: when its connection is gone, it has failed.
 */
import { copyIn } from "./copy-in.ts";
import {
  type PooledConnection,
  queryRows,
  type SendQuery,
  type StatementParameters,
  send,
} from "./pooled-connection.ts";

export type Work = (tx: TransactionClient) => Promise<unknown>;

/** What Drizzle calls on the driver within a transaction, and what Drizzle itself does not offer. */
export interface TransactionClient {
  unsafe(statement: string, parameters: StatementParameters): ReturnType<typeof queryRows>;
  savepoint(work: Work): Promise<unknown>;
  /** COPY: takes chunks in its text format. Rejects with the server's error, or with what `chunks` throws. */
  copyRows(target: CopyTarget, chunks: AsyncIterable<string>): Promise<void>;
  /** Lets every further statement take any time, here and at the server. A lost server is still detected. */
  disableTimeouts(): Promise<void>;
}

/** Where rows go: names as in the database. */
export interface CopyTarget {
  table: string;
  columns: readonly string[];
}

/**
 * How long a transaction without timeouts may be idle. On a busy machine the work between two of its statements takes
 * longer than the usual five seconds. What a frozen process locks is free again after this time.
 */
const LONG_IDLE_TIMEOUT = "5min";

/** Runs one transaction on a connection that no other caller uses meanwhile. */
export async function runTransaction(connection: PooledConnection, work: Work): Promise<unknown> {
  const state: TransactionState = { isOver: false, failure: null, savepoints: 0 };
  await send(connection, (sql) => sql.unsafe("begin"));
  try {
    const result = await work(createTransactionClient(connection, state));
    state.isOver = true;
    const { command } = await send(connection, (sql) => sql.unsafe("commit"));
    // The server answers COMMIT with ROLLBACK when a statement had failed, even if the caller caught that error.
    if (command !== "COMMIT") throw state.failure ?? new Error("the transaction was rolled back");
    return result;
  } catch (error) {
    state.isOver = true;
    await rollBack(connection, "rollback");
    throw error;
  } finally {
    connection.watch?.stop();
    connection.watch = null;
  }
}

interface TransactionState {
  /** No further statement is sent: the connection may belong to another transaction by then. */
  isOver: boolean;
  /** The error of the first failed statement. */
  failure: unknown;
  savepoints: number;
}

function createTransactionClient(connection: PooledConnection, state: TransactionState): TransactionClient {
  const run = async <T>(query: SendQuery<T>, prepared?: string): Promise<T> => {
    if (state.isOver) throw new Error("the transaction is over");
    return send(connection, query, prepared).catch((error: unknown) => {
      state.failure ??= error;
      throw error;
    });
  };
  const client: TransactionClient = {
    unsafe: (statement, parameters) => queryRows(run, statement, parameters),
    async savepoint(work) {
      state.savepoints += 1;
      const name = `savepoint_${state.savepoints}`;
      await run((sql) => sql.unsafe(`savepoint ${name}`));
      const failureBefore = state.failure;
      try {
        return await work(client);
      } catch (error) {
        await rollBack(connection, `rollback to ${name}`);
        state.failure = failureBefore;
        throw error;
      }
    },
    async copyRows({ table, columns }, chunks) {
      const source = recordFailure(chunks);
      const copied = run((sql) => copyIn(sql`copy ${sql(table)} (${sql([...columns])}) from stdin`, source.chunks));
      await copied.catch((error) => {
        throw source.failure ?? error;
      });
    },
    async disableTimeouts() {
      const statement = `select pg_backend_pid() as pid, set_config('statement_timeout', '0', true),
        set_config('idle_in_transaction_session_timeout', '${LONG_IDLE_TIMEOUT}', true)`;
      const [row] = await run((sql) => sql.unsafe<{ pid: number }[]>(statement));
      if (row) connection.watch ??= connection.startWatch(row.pid);
    },
  };
  return client;
}

/** Passes the chunks on and keeps the error of their source: the server only says that the client aborted the COPY. */
function recordFailure(chunks: AsyncIterable<string>) {
  const source = { chunks: forward(), failure: undefined as unknown };
  return source;

  async function* forward(): AsyncGenerator<string> {
    try {
      yield* chunks;
    } catch (error) {
      source.failure = error;
      throw error;
    }
  }
}

/** A connection on which even the rollback fails is in an unknown state, and is discarded. */
async function rollBack(connection: PooledConnection, statement: string): Promise<void> {
  if (connection.isClosed) return;
  await send(connection, (sql) => sql.unsafe(statement)).catch(connection.discard);
}
