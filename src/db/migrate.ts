/** Applies the migrations of `drizzle/` to a database. It knows only the folder, not the tables. */
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { untilAborted, waitUpTo } from "../process/timeout.ts";
import type { Database } from "./client.ts";
import { disableTimeouts } from "./driver/drizzle-transaction.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** Key of the advisory lock: any number that no other lock of ours uses in this database. */
const MIGRATION_LOCK = 7_016_020_001;

/** How long the server may take to end an aborted migration, in milliseconds. */
const TERMINATE_TIMEOUT_MS = 2_000;

export interface MigrateOptions {
  /** `drizzle/` when left out. */
  readonly migrationsFolder?: string;
  /** Aborts the migration: nothing is applied, and the server stops it too. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies the migrations that the database does not have yet, all or none.
 *
 * Several processes may start at once, and Drizzle's migrator takes no lock. So the migrating transaction takes one; the
 * others wait for it and then find nothing to do. It runs on the pool, because a session of the driver hangs when the server
 * is lost during a migration.
 */
export async function migrateDatabase(
  database: Database,
  { migrationsFolder = MIGRATIONS_FOLDER, signal }: MigrateOptions = {},
): Promise<void> {
  let pid: number | undefined;
  const migrating = database.db.transaction(async (tx) => {
    await disableTimeouts(tx);
    const [backend] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    pid = backend?.pid;
    await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`);
    await migrate(tx, { migrationsFolder });
  });
  await untilAborted(signal, migrating).catch(async (error) => {
    // If this fails too, the server is gone, and with it the transaction.
    if (signal?.aborted && pid !== undefined)
      await waitUpTo(TERMINATE_TIMEOUT_MS, terminateBackend(database, pid)).catch(() => undefined);
    throw error;
  });
}

/** The server notices a closed client only after the current statement: a wait for a lock, or a change of a large table. */
async function terminateBackend(database: Database, pid: number): Promise<void> {
  const session = database.openSession("end of migrations");
  try {
    await session`select pg_terminate_backend(${pid}::int)`;
  } finally {
    await session.end({ timeout: 0 });
  }
}
