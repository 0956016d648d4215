/** Brings a database to the state that `drizzle/` describes. It knows only the folder, not the tables. */
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { untilAborted, waitUpTo } from "../process/timeout.ts";
import type { Database } from "./client.ts";
import { liftTimeLimits } from "./driver/drizzle-transaction.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** Any number will do, so long as nothing else of ours takes the same lock in this database. */
const MIGRATION_LOCK = 7_016_020_001;

/** How long the server may take to end a migration that is given up, in milliseconds. */
const END_LIMIT_MS = 2_000;

export interface MigrateOptions {
  /** Ours when left out. */
  readonly migrationsFolder?: string;
  /** Gives it up: nothing is applied then, and the server does not go on with it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies the migrations that the database does not have yet, all or none. Several processes may start at once: Drizzle's
 * migrator takes no lock, so we take one, in the transaction that migrates, and the others wait and then find nothing to do.
 * On the pool, for a session of the driver hangs when the server goes away in the middle.
 */
export async function migrateDatabase(
  database: Database,
  { migrationsFolder = MIGRATIONS_FOLDER, signal }: MigrateOptions = {},
): Promise<void> {
  let pid: number | undefined;
  const migrating = database.db.transaction(async (tx) => {
    await liftTimeLimits(tx);
    const [backend] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    pid = backend?.pid;
    await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`);
    await migrate(tx, { migrationsFolder });
  });
  await untilAborted(signal, migrating).catch(async (error) => {
    // Where that fails too the server is away, and the transaction with it.
    if (signal?.aborted && pid !== undefined)
      await waitUpTo(END_LIMIT_MS, endBackend(database, pid)).catch(() => undefined);
    throw error;
  });
}

/** A server notices that we are gone only when it has done what it is at: waited for a lock, or changed a large table. */
async function endBackend(database: Database, pid: number): Promise<void> {
  const session = database.openSession("end of migrations");
  try {
    await session`select pg_terminate_backend(${pid}::int)`;
  } finally {
    await session.end({ timeout: 0 });
  }
}
