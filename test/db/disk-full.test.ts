import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectDatabase, createDatabaseIfMissing, type Database } from "../../src/db/client.ts";
import { explainFullDisk } from "../../src/db/disk-full.ts";
import type { Transaction } from "../../src/db/driver/drizzle-transaction.ts";
import { findErrorLine } from "../../src/db/embedded/log.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { lockImports } from "../../src/db/import/import-run.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { StartupError } from "../../src/errors.ts";
import { createTestDatabase, holdLocks } from "../support/database.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { salesFile } from "./import/import-support.ts";

const PANIC =
  '2026-11-30 15:28:03.299 UTC [28820] PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device';

let dataDir: string;
let cleanups: (() => Promise<unknown>)[];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-full-"));
  cleanups = [() => rm(dataDir, { recursive: true, force: true })];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Starts the embedded server in `dataDir` and opens a migrated database on it. */
async function openEmbedded(name: string): Promise<Database> {
  const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: "off" } });
  await createDatabaseIfMissing(server, name);
  const database = connectDatabase({ ...server, database: name });
  cleanups.push(
    () => server.release(),
    () => database.close(),
  );
  await migrateDatabase(database);
  return database;
}

/** Simulates a full disk: the server rejects sale lines, and reports it after the last one. */
async function fillDisk({ db }: Pick<Database, "db">): Promise<void> {
  await db.execute(sql`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file "base/1/2": No space left on device' using errcode = 'disk_full'; end $$`);
  await db.execute(sql`create trigger refuse after insert on sale_lines for each statement execute function refuse()`);
}

async function importSales(env: Record<string, string>): Promise<StartedProcess> {
  const file = join(dataDir, "sales.csv");
  await writeFile(file, salesFile("R1,2025-11-14T21:58,A,1,45000,"));
  const started = startProcess("import", { env: { DATA_DIR: dataDir, ...env }, args: ["sales", file] });
  cleanups.push(
    () => started.exit,
    async () => started.kill("SIGKILL"),
  );
  return started;
}

test.each([
  ["an error of the server", Object.assign(new Error("could not extend file"), { code: "53100" }), "", 2 ** 40],
  ["a write error of this process", Object.assign(new Error("write"), { code: "ENOSPC" }), "", 2 ** 40],
  ["the output of initdb", new StartupError("no cluster: could not write: No space left on device"), "", 2 ** 40],
  ["a lost connection and the log", Object.assign(new Error("read"), { code: "ECONNRESET" }), `${PANIC}\n`, 2 ** 40],
  ["a lost connection and little free space", Object.assign(new Error("read"), { code: "ECONNRESET" }), "", 2 ** 23],
])("a full disk is named after %s", async (_, error, log, free) => {
  expect(await explain(error, log, free)).toEqual(
    new StartupError(
      `There is no space left in ${dataDir}: free some space on that disk, or set DATA_DIR to a folder on a larger disk.`,
    ),
  );
});

test.each([
  ["a lost connection with free space", Object.assign(new Error("read"), { code: "ECONNRESET" }), 2 ** 40],
  ["another error of the server", Object.assign(new Error("division by zero"), { code: "22012" }), 0],
  ["another startup error", new StartupError("PostgreSQL refuses to run as root"), 0],
])("%s is not changed", async (_, error, free) => {
  expect(await explain(error, "", free)).toBe(error);
});

test("log lines from before this process do not count", async () => {
  const error = Object.assign(new Error("read"), { code: "ECONNRESET" });
  await writeFile(join(dataDir, "postgres.log"), `${PANIC}\n`);

  expect(await explain(error, "a line\n", 2 ** 40)).toBe(error);
});

/** With these lines appended to the log. */
async function explain(error: Error, lines: string, free: number): Promise<unknown> {
  const logFile = join(dataDir, "postgres.log");
  const before = await readFile(logFile, "utf8").catch(() => "");
  await appendFile(logFile, lines);
  return explainFullDisk(error, { dataDir, logFile, logStart: before.length, readFreeBytes: async () => free });
}

test("of several errors the full disk is the cause", () => {
  const lines = [PANIC, "PANIC:  cannot abort transaction 1, it was already committed", "FATAL:  shutting down"];

  expect(findErrorLine(lines.join("\n"))).toBe(PANIC);
});

test("an import that fails on a full disk ends with one sentence, and does not block the next one", async () => {
  const given = await createTestDatabase();
  cleanups.push(() => given.close());
  await fillDisk(given);
  const { socketDir, user } = given.target;
  const url = `postgres://${user}@localhost/${given.name}?host=${encodeURIComponent(socketDir)}`;

  const failed = await importSales({ DATABASE_URL: url });

  expect(await failed.exit).toBe(1);
  expect(failed.output()).toBe(
    "Nothing was imported. There is no space left on the disk of the database (DATABASE_URL): free some space there.\n",
  );
  await given.db.execute(sql`drop trigger refuse on sale_lines`);
  const next = await importSales({ DATABASE_URL: url });
  expect(await next.exit).toBe(0);
});

test("an import whose server stops because of a full disk names the disk", async () => {
  const database = await openEmbedded("counterhand");
  const release = await holdLocks(database.db, (tx) => lockImports(tx as Transaction));
  const failed = await importSales({});
  const waiting = sql`select 1 from pg_locks where locktype = 'advisory' and not granted`;
  await expect.poll(async () => (await database.db.execute(waiting)).length).toBe(1);

  await appendFile(join(dataDir, "postgres.log"), `${PANIC}\n`);
  process.kill(Number.parseInt(await readFile(join(dataDir, "pg18", "postmaster.pid"), "utf8"), 10), "SIGKILL");

  expect(await failed.exit).toBe(1);
  expect(failed.output()).toContain(`Nothing was imported. There is no space left in ${dataDir}: free some space`);
  await release().catch(() => undefined);
});

test("a first start without space for the demo shop ends with one sentence", async () => {
  await fillDisk(await openEmbedded("counterhand_demo"));

  const started = startProcess("main", { env: { DATA_DIR: dataDir, PORT: "0" } });

  expect(await started.exit).toBe(1);
  expect(started.output()).toMatch(/^There is no space left in .*: free some space on that disk/m);
  expect(started.output()).not.toContain("    at ");
});
