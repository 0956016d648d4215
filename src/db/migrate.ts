/** Brings a database to the state that `drizzle/` describes. It knows only the folder, not the tables. */
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import type { Database } from "./client.ts";
import { liftTimeLimits } from "./drizzle-transaction.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** Any number will do, so long as nothing else of ours takes the same lock in this database. */
const MIGRATION_LOCK = 7_016_020_001;

/**
 * Applies the migrations that the database does not have yet, all or none. Several processes may start at once: Drizzle's
 * migrator takes no lock, so we take one, in the transaction that migrates, and the others wait and then find nothing to do.
 * On the pool, for a session of the driver hangs when the server goes away in the middle.
 */
export async function migrateDatabase({ db }: Database, migrationsFolder = MIGRATIONS_FOLDER): Promise<void> {
  await db.transaction(async (tx) => {
    await liftTimeLimits(tx);
    await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`);
    await migrate(tx, { migrationsFolder });
  });
}
