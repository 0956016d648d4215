/** Applies the migrations of `drizzle/` to a database. It knows only the folder, not the tables. */
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { untilAborted, waitUpTo } from "../process/timeout.ts";
import type { Database, Db } from "./client.ts";
import { disableTimeouts } from "./driver/drizzle-transaction.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

export interface Migrations {
  /** How many the database has; those of a newer version count too. */
  readonly applied: number;
  /** The names of those in `drizzle/` that it lacks. */
  readonly pending: readonly string[];
  /** Whether it has migrations, and none of them is ours. */
  readonly isForeign: boolean;
}

/** What the database records of its migrations; "unreadable" where the role may not read that. Changes nothing. */
export async function findMigrations(db: Db, migrationsFolder = MIGRATIONS_FOLDER): Promise<Migrations | "unreadable"> {
  const names = readMigrationFiles({ migrationsFolder }).map(({ name }) => name);
  const [record] = await db.execute<{ isReadable: boolean }>(sql`
    select has_schema_privilege(relnamespace, 'USAGE') and has_table_privilege(pg_class.oid, 'SELECT') as "isReadable"
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = 'drizzle' and relname = '__drizzle_migrations'`);
  if (!record) return { applied: 0, pending: names, isForeign: false };
  if (!record.isReadable) return "unreadable";
  // As JSON: the table of an older Drizzle has no names.
  const applied = await db.execute<{ name: string | null }>(
    sql`select to_jsonb(migration) ->> 'name' as name from drizzle.__drizzle_migrations migration`,
  );
  const found = new Set(applied.map(({ name }) => name));
  const pending = names.filter((name) => !found.has(name));
  return { applied: applied.length, pending, isForeign: applied.length > 0 && pending.length === names.length };
}

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
 * Applies the migrations that the database does not have yet, all or none. Where it has all, a role needs no right to change
 * tables.
 *
 * Several processes may start at once, and Drizzle's migrator takes no lock. So the migrating transaction takes one; the
 * others wait for it and then find nothing to do. It runs on the pool, because a session of the driver hangs when the server
 * is lost during a migration.
 */
export async function migrateDatabase(
  database: Database,
  { migrationsFolder = MIGRATIONS_FOLDER, signal }: MigrateOptions = {},
): Promise<void> {
  const found = await untilAborted(signal, findMigrations(database.db, migrationsFolder));
  if (found !== "unreadable" && found.pending.length === 0) return;
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
