/** Brings a database to the state that `drizzle/` describes. It knows only the folder, not the tables. */
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import type { Database } from "./client.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** Any number will do, so long as nothing else of ours takes the same lock in this database. */
const MIGRATION_LOCK = 7_016_020_001;

/**
 * Applies the migrations that the database does not have yet, all or none. Several processes may start at once: Drizzle's
 * migrator takes no lock, so we take one, on the connection that migrates, and the others wait and then find nothing to do.
 */
export async function migrateDatabase(database: Database, migrationsFolder = MIGRATIONS_FOLDER): Promise<void> {
  const session = database.openSession("migrations");
  try {
    await session`select pg_advisory_lock(${MIGRATION_LOCK}::bigint)`;
    await migrate(drizzle({ client: session }), { migrationsFolder });
  } finally {
    await session.end();
  }
}
