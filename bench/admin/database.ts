/**
 * The benchmark's own PostgreSQL in the system's temporary folder, with one seeded database for each size.
 *
 * The data is kept between runs, because seeding is slow. A database with another seed version, or whose seeding was
 * interrupted, is created again.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import {
  connectDatabase,
  createDatabaseIfMissing,
  type DatabaseTarget,
  openSession,
  type SocketServer,
} from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { INTERRUPTED, stopOnSignals } from "../../src/process/signals.ts";
import { seedDatabase } from "./seed/seed.ts";
import type { Size } from "./sizes.ts";

export const DATA_DIR = join(tmpdir(), "counterhand-bench-admin");

/** Raise it when the seeding produces other rows. */
const SEED_VERSION = 1;

/** Typical settings for this size: a quarter of a small machine's memory. Both subjects use the same server. */
const SETTINGS = {
  shared_buffers: "1GB",
  effective_cache_size: "4GB",
  random_page_cost: "1.1",
  max_wal_size: "8GB",
  // There is no replication, and creating an index writes half as much.
  wal_level: "minimal",
  max_wal_senders: "0",
};

export type SocketDatabase = SocketServer & { readonly database: string };

export interface SeededServer {
  /** The root of its process tree, for measuring CPU time. */
  readonly postmasterPid: number;
  readonly version: string;
  /** The database of this size: migrated, and seeded if it does not exist yet. */
  open(size: Size): Promise<SocketDatabase>;
  close(): Promise<void>;
}

export async function startSeededServer(log: (line: string) => void): Promise<SeededServer> {
  const server = await startEmbeddedPostgres({ dataDir: DATA_DIR, settings: SETTINGS });
  stopOnSignals(() => server.release(), INTERRUPTED);
  const socket = { socketDir: server.socketDir, user: server.user };
  return {
    postmasterPid: await onServer(socket, async (session) => {
      const [row] = await session<{ content: string }[]>`select pg_read_file('postmaster.pid') as content`;
      return Number.parseInt(row?.content ?? "", 10);
    }),
    version: server.version,
    open: (size) => openSeeded(socket, size, log),
    close: () => server.release(),
  };
}

async function openSeeded(server: SocketServer, size: Size, log: (line: string) => void): Promise<SocketDatabase> {
  const name = `messages_${size.messages}`;
  const target = { ...server, database: name };
  const mark = `seed ${SEED_VERSION}: ${JSON.stringify(size)}`;
  const isSeeded = await onServer(server, async (session) => {
    const [found] = await session<{ mark: string | null }[]>`
      select shobj_description(oid, 'pg_database') as mark from pg_database where datname = ${name}`;
    if (found?.mark === mark) return true;
    await session`drop database if exists ${session(name)} with (force)`;
    return false;
  });
  if (!isSeeded) await createDatabaseIfMissing(server, name);
  await migrate(target);
  if (isSeeded) return target;
  const startedAt = performance.now();
  const elapsed = () => `${Math.round((performance.now() - startedAt) / 1_000)} s`;
  await inSession(target, (session) =>
    seedDatabase(session, size, (line) => log(`seeding ${name}: ${line} (${elapsed()})`)),
  );
  await onServer(server, (session) => session.unsafe(`comment on database ${name} is '${mark}'`));
  log(`${name} is seeded after ${elapsed()}; it is kept in ${DATA_DIR}`);
  return target;
}

async function migrate(target: DatabaseTarget): Promise<void> {
  const database = connectDatabase(target, { poolSize: 1 });
  try {
    await migrateDatabase(database);
  } finally {
    await database.close();
  }
}

function onServer<T>(server: SocketServer, work: (session: Sql) => Promise<T>): Promise<T> {
  return inSession({ ...server, database: "postgres" }, work);
}

export async function inSession<T>(target: DatabaseTarget, work: (session: Sql) => Promise<T>): Promise<T> {
  const session = openSession(target, "counterhand bench");
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}
