/** One embedded server for a whole test run, with a migrated template database. */
import { access, constants, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDatabase, createDatabaseIfMissing, type SocketServer } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";

export interface TestServer extends SocketServer {
  /** The migrated database. It has no connections, so that it can be cloned. */
  readonly template: string;
  /** Stops the server and deletes its data. */
  close(): Promise<void>;
}

const TEMPLATE = "template_for_tests";

/** The data is only needed during the run, so nothing waits for the disk. */
const SETTINGS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "200" };

const SHARED_MEMORY = "/dev/shm";
/** Several times the size of a cluster and the databases of parallel test files. */
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

/** Shared memory if it is large enough: there a database is cloned in 10 ms, on a disk in more than 100 ms. */
export async function fastFolder(): Promise<string> {
  try {
    await access(SHARED_MEMORY, constants.W_OK);
    const { bavail, bsize } = await statfs(SHARED_MEMORY);
    return bavail * bsize >= ENOUGH_MEMORY_BYTES ? SHARED_MEMORY : tmpdir();
  } catch {
    // Only Linux has /dev/shm, and not every container can write to it.
    return tmpdir();
  }
}
