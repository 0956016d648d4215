/** A signal ends a start that waits forever: for the database, for a lock in it, for Telegram. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, onTestServer, type TestDatabase } from "../support/database.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";

/** As in `migrate.ts`. */
const MIGRATION_LOCK = 7_016_020_001;

let dataDir = "";
let testDatabase: TestDatabase;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-stuck-"));
  testDatabase = await createTestDatabase();
});

afterEach(async () => {
  await testDatabase.close();
  await rm(dataDir, { recursive: true, force: true });
});

const COMMANDS = [
  { name: "main", args: [], exitCode: 0 },
  { name: "token", args: [], exitCode: 130 },
  { name: "ask", args: ["what is running out?"], exitCode: 130 },
];

test.for(COMMANDS)(
  "$name, with a database that accepts connections and never answers",
  async ({ name, args, exitCode }) => {
    // It must read: otherwise it would not see its connections end.
    const silent = createServer((socket) => socket.on("error", () => undefined).resume());
    const port = await listen(silent);
    const connected = once(silent, "connection");
    const started = start(name, args, { DATABASE_URL: `postgres://shop@127.0.0.1:${port}/shop` });
    await connected;

    started.kill("SIGTERM");

    expect(await started.exit).toBe(exitCode);
    expect(started.output()).not.toMatch(/ {4}at |unexpectedly|Cannot reach/);
    await new Promise((closed) => silent.close(closed));
  },
);

test.for(COMMANDS)(
  "$name, at a lock on the migrations that another session holds",
  async ({ name, args, exitCode }) => {
    const release = await holdMigrationLock();
    const started = start(name, args, { DATABASE_URL: databaseUrl() });
    await expect.poll(() => waitsForLock()).toBe(true);

    started.kill("SIGTERM");

    expect(await started.exit).toBe(exitCode);
    expect(started.output()).not.toMatch(/ {4}at |unexpectedly/);
    // The lock is still held, and nobody waits for it.
    await expect.poll(() => findSessions("counterhand%")).toEqual([]);
    await release();
  },
);

test("main, with a Telegram that accepts requests and never answers", async () => {
  const telegram = createHttpServer();
  const port = await listen(telegram);
  const asked = once(telegram, "request");
  const started = start("main", [], {
    DATABASE_URL: databaseUrl(),
    TELEGRAM_BOT_TOKEN: "123456789:AAF-a-token-that-nobody-has-at-telegram",
    TELEGRAM_API_ROOT: `http://127.0.0.1:${port}`,
    ALLOW_SCRIPTED_MODEL: "1",
  });
  await asked;

  started.kill("SIGTERM");

  expect(await started.exit).toBe(0);
  expect(started.output()).toMatch(/"msg":"stopped"/);
  await expect.poll(() => findSessions("counterhand%")).toEqual([]);
  telegram.close();
});

function start(name: string, args: string[], env: Record<string, string>): StartedProcess {
  return startProcess(name, { env: { DATA_DIR: dataDir, PORT: "0", ...env }, args });
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function databaseUrl(): string {
  const { socketDir, user, database } = testDatabase.target;
  return `postgres://${user}@localhost/${database}?host=${socketDir}`;
}

/** Holds the lock of a database that lacks a migration: with all of them, a start does not ask for the lock. */
async function holdMigrationLock(): Promise<() => Promise<unknown>> {
  const session = testDatabase.database.openSession("of the test");
  await session`delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)`;
  await session`select pg_advisory_lock(${MIGRATION_LOCK}::bigint)`;
  return () => session.end();
}

function waitsForLock(): Promise<boolean> {
  return onTestServer(async (session) => {
    const rows = await session`
      select 1 from pg_locks join pg_database on pg_database.oid = database
      where locktype = 'advisory' and not granted and datname = ${testDatabase.name}`;
    return rows.length > 0;
  });
}

/** The other processes that are connected to the test's database. */
function findSessions(pattern: string): Promise<string[]> {
  return onTestServer(async (session) => {
    const rows = await session<{ name: string }[]>`
      select application_name as name from pg_stat_activity
      where datname = ${testDatabase.name} and application_name like ${pattern} and application_name <> 'counterhand of the test'`;
    return rows.map(({ name }) => name);
  });
}
