import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { errorCode, isDatabaseUnavailable } from "../../../src/db/error-code.ts";
import { type CopyRow, copyRows } from "../../../src/db/import/copy-rows.ts";
import { lockImports } from "../../../src/db/import/import-run.ts";
import { createTestDatabase, onTestServer, type TestDatabase } from "../../support/database.ts";

const NOTES = { table: "notes", columns: ["n", "text"] };

let store: TestDatabase;
beforeEach(async () => {
  // One connection: what a COPY leaves behind on it would meet the next one.
  store = await createTestDatabase({ poolSize: 1 });
  await store.db.execute(sql`create table notes (n int, text text)`);
});
afterEach(() => store.close());

/** Copies in a transaction that holds the lock of imports. */
function copy(rows: Iterable<CopyRow> | AsyncIterable<CopyRow>, target = NOTES): Promise<void> {
  return store.db.transaction(async (tx) => {
    await lockImports(tx);
    await copyRows(tx, target, rows);
  });
}

function* numbered(count: number): Generator<CopyRow> {
  for (let n = 1; n <= count; n++) yield [String(n), "a note"];
}

/** The table does this after the last row of a statement. */
async function afterEachStatement(body: string): Promise<void> {
  await store.db.execute(
    sql.raw(`
    create function after_statement() returns trigger language plpgsql as $$ begin ${body}; return null; end $$`),
  );
  await store.db.execute(sql`
    create trigger after_statement after insert on notes for each statement execute function after_statement()`);
}

/** Whether the connection takes the next COPY, none of the rows before is there, and nobody holds the lock of imports. */
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

test("a row that the server refuses after the last byte fails the COPY with the server's error", async () => {
  await store.db.execute(sql`alter table notes add check (n < 50000)`);

  await expect(copy(numbered(50_000))).rejects.toSatisfy((error) => errorCode(error) === "23514");

  await expectAllAsBefore();
});

test("a foreign key, which is checked at the end, fails the COPY itself", async () => {
  await store.db.execute(sql`create table authors (n int primary key)`);
  await store.db.execute(sql`alter table notes add foreign key (n) references authors`);

  await expect(copy(numbered(1))).rejects.toSatisfy((error) => errorCode(error) === "23503");

  await expectAllAsBefore();
});

test("a disk that is full fails the COPY, whether rows still come or not", async () => {
  await afterEachStatement("raise exception 'could not extend file' using errcode = 'disk_full'");

  await expect(copy(numbered(10))).rejects.toSatisfy((error) => errorCode(error) === "53100");
  await expect(copy([])).rejects.toSatisfy((error) => errorCode(error) === "53100");

  await expectAllAsBefore();
});

test("a row that the server refuses while others still come ends the reading of them", async () => {
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

test("rows that break off fail with what broke them off", async () => {
  const broken = async function* (): AsyncGenerator<CopyRow> {
    yield* numbered(20_000);
    throw new Error("the file is gone");
  };

  await expect(copy(broken())).rejects.toThrow("the file is gone");

  await expectAllAsBefore();
});

test("a table that is not there fails the COPY before its first row", async () => {
  await expect(copy(numbered(3), { ...NOTES, table: "nowhere" })).rejects.toSatisfy(
    (error) => errorCode(error) === "42P01",
  );

  await expectAllAsBefore();
});

test("a constraint that is checked at the commit fails the transaction", async () => {
  await store.db.execute(sql`alter table notes add unique (text) deferrable initially deferred`);

  await expect(copy(numbered(2))).rejects.toSatisfy((error) => errorCode(error) === "23505");

  await expectAllAsBefore();
});

test("a failed COPY that is caught is not committed", async () => {
  await store.db.execute(sql`alter table notes add check (n < 3)`);

  const failed = store.db.transaction((tx) => copyRows(tx, NOTES, numbered(3)).catch(() => "caught"));

  await expect(failed).rejects.toSatisfy((error) => errorCode(error) === "23514");
  await expectAllAsBefore();
});

test("a connection that dies between the last byte and the answer fails the COPY", async () => {
  await afterEachStatement("perform pg_sleep(600)");
  const failed = expect(copy(numbered(10))).rejects.toSatisfy(isDatabaseUnavailable);
  await expect.poll(endTheSleeping).toBe(1);

  await failed;

  await expectAllAsBefore();
});

/** Ends the backend that sleeps; gives how many did. */
async function endTheSleeping(): Promise<number> {
  const ended = await onTestServer(
    (session) => session`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${store.name} and wait_event = 'PgSleep'`,
  );
  return ended.length;
}
