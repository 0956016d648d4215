import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { connectDatabase, createDatabaseIfMissing, type Database } from "../../src/db/client.ts";
import { errorCode, isDatabaseUnavailable } from "../../src/db/error-code.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { dropTestDatabase, onTestServer } from "../support/database.ts";

let name: string;
let folder: string;
let database: Database;
beforeEach(async () => {
  name = `test_${randomUUID().replaceAll("-", "")}`;
  folder = await mkdtemp(join(tmpdir(), "counterhand-migrations-"));
  await createDatabaseIfMissing(inject("testServer"), name);
  database = connectDatabase({ ...inject("testServer"), database: name });
});
afterEach(async () => {
  await database.close();
  await dropTestDatabase(name);
  await rm(folder, { recursive: true });
});

async function writeMigration(date: string, statements: string): Promise<void> {
  await mkdir(join(folder, `${date}_step`));
  await writeFile(join(folder, `${date}_step`, "migration.sql"), statements);
}

test("a failed migration undoes itself and those before it, and the next start succeeds", async () => {
  await writeMigration("20260101000000", "create table one (n int); create table two (n int);");
  await writeMigration("20260102000000", "select 1 / 0");
  await expect(migrateDatabase(database, { migrationsFolder: folder })).rejects.toSatisfy(
    (error) => errorCode(error) === "22012",
  );
  expect([...(await database.db.execute(sql`select to_regclass('one') as found`))]).toEqual([{ found: null }]);

  await writeFile(join(folder, "20260102000000_step", "migration.sql"), "create table three (n int)");
  await migrateDatabase(database, { migrationsFolder: folder });
  await migrateDatabase(database, { migrationsFolder: folder });

  expect(await database.db.$count(sql`three`)).toBe(0);
});

test("a server lost during a migration fails it, and nothing waits forever", async () => {
  await writeMigration("20260101000000", "select pg_sleep(600)");
  const failed = expect(migrateDatabase(database, { migrationsFolder: folder })).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  const sleeping = () =>
    onTestServer(
      (session) => session`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = ${name} and wait_event = 'PgSleep'`,
    );
  await expect.poll(async () => (await sleeping()).length).toBe(1);

  await failed;
});
