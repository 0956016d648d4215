/**
 * A transaction on one connection of the pool, as Drizzle wants it, with savepoints for those within it.
 *
 * It never goes on elsewhere: when its connection is gone, it has failed.
 */
import { copyIn } from "./copy-in.ts";
import { ask, type Connection, type Parameters, type Query, rowsOf } from "./pooled-connection.ts";

export type Work = (tx: TransactionClient) => Promise<unknown>;

/** What Drizzle asks of the driver within a transaction, and what it has no word for. */
export interface TransactionClient {
  unsafe(statement: string, parameters: Parameters): ReturnType<typeof rowsOf>;
  savepoint(work: Work): Promise<unknown>;
  /** COPY: takes chunks of its text format. Rejects with the server's error, or with what `chunks` throws. */
  copyRows(target: CopyTarget, chunks: AsyncIterable<string>): Promise<void>;
  /** Lets every further statement take any time, here and at the server. A server that is gone is noticed all the same. */
  liftTimeLimits(): Promise<void>;
}

/** Where rows go: names as the database has them. */
export interface CopyTarget {
  table: string;
  columns: readonly string[];
}

/**
 * How long a transaction without time limits may wait for us: on a busy machine the work between two of its statements takes
 * longer than the usual five seconds, and what a frozen process holds is free again after this.
 */
const LIFTED_IDLE_LIMIT = "5min";

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
  } finally {
    connection.watch?.stop();
    connection.watch = null;
  }
}

interface TransactionState {
  /** Nothing more is asked in it: the connection may be another one's by then. */
  isOver: boolean;
  /** The first statement that failed. */
  failure: unknown;
  savepoints: number;
}

function transactionClient(connection: Connection, state: TransactionState): TransactionClient {
  const run = async <T>(query: Query<T>, prepared?: string): Promise<T> => {
    if (state.isOver) throw new Error("the transaction is over");
    return ask(connection, query, prepared).catch((error: unknown) => {
      state.failure ??= error;
      throw error;
    });
  };
  const client: TransactionClient = {
    unsafe: (statement, parameters) => rowsOf(run, statement, parameters),
    async savepoint(work) {
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
    },
    async copyRows({ table, columns }, chunks) {
      const source = watchFailure(chunks);
      const copied = run((sql) => copyIn(sql`copy ${sql(table)} (${sql([...columns])}) from stdin`, source.chunks));
      await copied.catch((error) => {
        throw source.failure ?? error;
      });
    },
    async liftTimeLimits() {
      const lift = `select pg_backend_pid() as pid, set_config('statement_timeout', '0', true),
        set_config('idle_in_transaction_session_timeout', '${LIFTED_IDLE_LIMIT}', true)`;
      const [row] = await run((sql) => sql.unsafe<{ pid: number }[]>(lift));
      if (row) connection.watch ??= connection.startWatch(row.pid);
    },
  };
  return client;
}

/** The same chunks, and what they broke off with: the server only says that we called the COPY off. */
function watchFailure(chunks: AsyncIterable<string>) {
  const source = { chunks: watched(), failure: undefined as unknown };
  return source;

  async function* watched(): AsyncGenerator<string> {
    try {
      yield* chunks;
    } catch (error) {
      source.failure = error;
      throw error;
    }
  }
}

/** A connection that does not even roll back is in nobody knows what state. */
async function rollBack(connection: Connection, statement: string): Promise<void> {
  if (connection.isClosed) return;
  await ask(connection, (sql) => sql.unsafe(statement)).catch(connection.discard);
}
