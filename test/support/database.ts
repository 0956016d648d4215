/** A separate database for a test or a test file: migrated, empty, and dropped on close. */
import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Sql } from "postgres";
import { inject } from "vitest";
import {
  type ConnectOptions,
  connectDatabase,
  type Database,
  type Db,
  openSession,
  type SocketServer,
} from "../../src/db/client.ts";
import type {} from "./global-setup.ts";

export interface TestDatabase {
  readonly database: Database;
  readonly db: Db;
  readonly name: string;
  /** For a second pool, or another process. */
  readonly target: SocketServer & { readonly database: string };
  /** Closes the pool and drops the database, even if there are other connections. */
  close(): Promise<void>;
}

/** Clones the migrated template. Test files run in parallel, each on its own database. */
export async function createTestDatabase(options: ConnectOptions = {}): Promise<TestDatabase> {
  const { socketDir, user, template } = inject("testServer");
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onTestServer(
    (session) => session`create database ${session(name)} template ${session(template)} strategy file_copy`,
  );
  const target = { socketDir, user, database: name };
  const database = connectDatabase(target, { poolSize: 5, ...options });
  const close = async () => {
    await database.close();
    await dropTestDatabase(name);
  };
  return { database, db: database.db, name, target, close };
}

/**
 * Takes locks in a separate transaction and holds them until the returned function is called. It has no idle timeout: on a
 * busy machine the product's own limit on idle transactions could end it.
 */
export async function holdLocks(db: Db, take: (tx: Db) => Promise<unknown>): Promise<() => Promise<void>> {
  const taken = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const holding = db.transaction(async (tx) => {
    await tx.execute(sql`set local idle_in_transaction_session_timeout = 0`);
    await take(tx);
    taken.resolve();
    await released.promise;
  });
  await Promise.race([taken.promise, holding]);
  return () => {
    released.resolve();
    return holding;
  };
}

/** The database's clock, in milliseconds since 1970. */
export async function readClock(db: Db): Promise<number> {
  const [row] = await db.execute<{ ms: number }>(
    sql`select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  return Number(row?.ms);
}

/** Drops a database that a test has created. */
export async function dropTestDatabase(name: string): Promise<void> {
  await onTestServer((session) => session`drop database if exists ${session(name)} with (force)`);
}

/** Runs `work` on a connection to the server's database "postgres". */
export async function onTestServer<T>(work: (session: Sql) => Promise<T>): Promise<T> {
  const { socketDir, user } = inject("testServer");
  const session = openSession({ socketDir, user, database: "postgres" }, "test setup");
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}
