/** One embedded server for a whole run of tests, and in it a migrated database. */
import { access, constants, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDatabase, createDatabaseIfMissing, type SocketServer } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";

export interface TestServer extends SocketServer {
  /** The name of the migrated database; nobody stays connected to it. */
  readonly template: string;
  /** Stops it and throws away all that it holds. */
  close(): Promise<void>;
}

const TEMPLATE = "template_for_tests";

/** Nothing here outlives the run, so nothing waits for the disk. */
const SETTINGS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "200" };

const SHARED_MEMORY = "/dev/shm";
/** A cluster and the databases of some test files at once, several times over. */
const ENOUGH_MEMORY_BYTES = 2 * 2 ** 30;

export async function startTestServer(): Promise<TestServer> {
  const dataDir = await mkdtemp(join(await fastFolder(), "counterhand-tests-"));
  const { socketDir, user, release } = await startEmbeddedPostgres({ dataDir, settings: SETTINGS });
  await createDatabaseIfMissing({ socketDir, user }, TEMPLATE);
  const database = connectDatabase({ socketDir, user, database: TEMPLATE });
  await migrateDatabase(database);
  await database.close();
  const close = async () => {
    await release();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { socketDir, user, template: TEMPLATE, close };
}

/** Memory where there is plenty of it: a database is cloned there in 10 ms, on a disk in more than 100. */
async function fastFolder(): Promise<string> {
  try {
    await access(SHARED_MEMORY, constants.W_OK);
    const { bavail, bsize } = await statfs(SHARED_MEMORY);
    return bavail * bsize >= ENOUGH_MEMORY_BYTES ? SHARED_MEMORY : tmpdir();
  } catch {
    // Only Linux has it, and not every container lets one write there.
    return tmpdir();
  }
}
