import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { errorCode, isDatabaseUnavailable } from "../../../src/db/error-code.ts";
import { type CopyRow, copyRows } from "../../../src/db/import/copy-rows.ts";
import { lockImports } from "../../../src/db/import/import-run.ts";
import { createTestDatabase, onTestServer, type TestDatabase } from "../../support/database.ts";

const NOTES = { table: "notes", columns: ["n", "text"] };

let store: TestDatabase;
beforeEach(async () => {
  // One connection: a COPY that leaves it in a bad state would break the next one.
  store = await createTestDatabase({ poolSize: 1 });
  await store.db.execute(sql`create table notes (n int, text text)`);
});
afterEach(() => store.close());

/** Copies in a transaction that holds the import lock. */
function copy(rows: Iterable<CopyRow> | AsyncIterable<CopyRow>, target = NOTES): Promise<void> {
  return store.db.transaction(async (tx) => {
    await lockImports(tx);
    await copyRows(tx, target, rows);
  });
}

function* numbered(count: number): Generator<CopyRow> {
  for (let n = 1; n <= count; n++) yield [String(n), "a note"];
}

/** Adds a trigger that runs after the last row of a statement. */
async function afterEachStatement(body: string): Promise<void> {
  await store.db.execute(
    sql.raw(`
    create function after_statement() returns trigger language plpgsql as $$ begin ${body}; return null; end $$`),
  );
  await store.db.execute(sql`
    create trigger after_statement after insert on notes for each statement execute function after_statement()`);
}

/** Checks that the import lock is free, and that a COPY works on the same connection. */
async function expectAllAsBefore(): Promise<void> {
  expect(
    await onTestServer(
      (session) => session`select 1 from pg_locks where locktype = 'advisory' and database =
      (select oid from pg_database where datname = ${store.name})`,
    ),
  ).toEqual([]);
  await store.db.execute(sql`drop table notes cascade`);
  await store.db.execute(sql`create table notes (n int, text text)`);
  await copy(numbered(3));
  expect([...(await store.db.execute(sql`select count(*)::int as count from notes`))]).toEqual([{ count: 3 }]);
}

test("a row that the server rejects after the last byte fails the COPY with the server's error", async () => {
  await store.db.execute(sql`alter table notes add check (n < 50000)`);

  await expect(copy(numbered(50_000))).rejects.toSatisfy((error) => errorCode(error) === "23514");

  await expectAllAsBefore();
});

test("a foreign key violation, found at the end, fails the COPY", async () => {
  await store.db.execute(sql`create table authors (n int primary key)`);
  await store.db.execute(sql`alter table notes add foreign key (n) references authors`);

  await expect(copy(numbered(1))).rejects.toSatisfy((error) => errorCode(error) === "23503");

  await expectAllAsBefore();
});

test("a full disk fails the COPY, with and without rows", async () => {
  await afterEachStatement("raise exception 'could not extend file' using errcode = 'disk_full'");

  await expect(copy(numbered(10))).rejects.toSatisfy((error) => errorCode(error) === "53100");
  await expect(copy([])).rejects.toSatisfy((error) => errorCode(error) === "53100");

  await expectAllAsBefore();
});

test("a rejected row stops the reading of further rows", async () => {
  let isEnded = false;
  const endless = function* (): Generator<CopyRow> {
    try {
      for (let n = 1; ; n++) yield [n === 5 ? "five" : String(n), "a note"];
    } finally {
      isEnded = true;
    }
  };

  await expect(copy(endless())).rejects.toSatisfy((error) => errorCode(error) === "22P02");

  expect(isEnded).toBe(true);
  await expectAllAsBefore();
});

test("an error while reading rows fails the COPY with that error", async () => {
  const broken = async function* (): AsyncGenerator<CopyRow> {
    yield* numbered(20_000);
    throw new Error("the file is gone");
  };

  await expect(copy(broken())).rejects.toThrow("the file is gone");

  await expectAllAsBefore();
});

test("a missing table fails the COPY before its first row", async () => {
  await expect(copy(numbered(3), { ...NOTES, table: "nowhere" })).rejects.toSatisfy(
    (error) => errorCode(error) === "42P01",
  );

  await expectAllAsBefore();
});

test("a deferred constraint fails the transaction at its commit", async () => {
  await store.db.execute(sql`alter table notes add unique (text) deferrable initially deferred`);

  await expect(copy(numbered(2))).rejects.toSatisfy((error) => errorCode(error) === "23505");

  await expectAllAsBefore();
});

test("a transaction is not committed after a caught error of a COPY", async () => {
  await store.db.execute(sql`alter table notes add check (n < 3)`);

  const failed = store.db.transaction((tx) => copyRows(tx, NOTES, numbered(3)).catch(() => "caught"));

  await expect(failed).rejects.toSatisfy((error) => errorCode(error) === "23514");
  await expectAllAsBefore();
});

test("a connection lost between the last byte and the answer fails the COPY", async () => {
  await afterEachStatement("perform pg_sleep(600)");
  const failed = expect(copy(numbered(10))).rejects.toSatisfy(isDatabaseUnavailable);
  await expect.poll(endTheSleeping).toBe(1);

  await failed;

  await expectAllAsBefore();
});

/** Ends the backend in pg_sleep; returns how many there were. */
async function endTheSleeping(): Promise<number> {
  const ended = await onTestServer(
    (session) => session`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${store.name} and wait_event = 'PgSleep'`,
  );
  return ended.length;
}
