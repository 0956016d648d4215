/**
 * One embedded server for the whole run, and in it a migrated database that every test database is cloned from.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { connectDatabase, createDatabaseIfMissing } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";

/** The name of the database that is cloned; nobody stays connected to it. */
const TEMPLATE = "template_for_tests";

/** Nothing here outlives the run, so nothing waits for the disk. */
const SETTINGS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "200" };

declare module "vitest" {
  interface ProvidedContext {
    testServer: { socketDir: string; user: string; template: string };
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), "counterhand-tests-"));
  const { socketDir, user, release } = await startEmbeddedPostgres({ dataDir, settings: SETTINGS });
  await createDatabaseIfMissing({ socketDir, user }, TEMPLATE);
  const database = connectDatabase({ socketDir, user, database: TEMPLATE });
  await migrateDatabase(database);
  await database.close();
  project.provide("testServer", { socketDir, user, template: TEMPLATE });

  return async () => {
    await release();
    await rm(dataDir, { recursive: true, force: true });
  };
}
