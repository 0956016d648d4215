import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { bigint, date, integer, jsonb, numeric, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { checkServer } from "../../src/db/check-server.ts";
import { connectDatabase, type DatabaseTarget, readOnly } from "../../src/db/client.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { StartupError } from "../../src/errors.ts";
import { createTestDatabase, dropTestDatabase, onTestServer, type TestDatabase } from "../support/database.ts";
import { startTransactionPooler } from "../support/fixtures/transaction-pooler.ts";

const samples = pgTable("samples", {
  id: integer().primaryKey(),
  count: bigint({ mode: "bigint" }),
  amount: numeric({ precision: 20, scale: 3 }),
  at: timestamp({ withTimezone: true, precision: 6, mode: "string" }),
  instant: timestamp({ withTimezone: true, mode: "date" }),
  day: date({ mode: "string" }),
  data: jsonb().$type<unknown>(),
  tags: text().array(),
  ids: uuid().array(),
  counts: bigint({ mode: "bigint" }).array(),
  sizes: integer().array(),
  amounts: numeric().array(),
});

let testDatabase: TestDatabase;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  await testDatabase.db.execute(sql`create table samples (id int primary key, count bigint, amount numeric(20, 3),
    at timestamptz, instant timestamptz, day date, data jsonb, tags text[],
    ids uuid[], counts bigint[], sizes int[], amounts numeric[])`);
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

afterAll(() => testDatabase.close());

test("numbers, times and dates are read back exactly as written", async () => {
  const row = {
    id: 1,
    count: 9007199254740993n,
    amount: "12345678901234567.125",
    at: "2026-11-14 09:30:00.123456+00",
    instant: new Date("2026-11-14T09:30:00.123Z"),
    day: "2026-11-14",
    data: null,
    tags: ["đá", 'a "b", {c}', "\\", ""],
    ids: ["018f3b1e-7c1a-7c3e-8d3e-0123456789ab"],
    counts: [9007199254740993n, -1n],
    sizes: [1, -2],
    amounts: ["12345678901234567.125"],
  };

  await testDatabase.db.insert(samples).values(row);

  expect(await testDatabase.db.select().from(samples).where(eq(samples.id, 1))).toEqual([row]);
  expect(await testDatabase.db.select().from(samples).where(eq(samples.count, 9007199254740993n))).toHaveLength(1);
  expect(await testDatabase.db.select().from(samples).where(eq(samples.instant, row.instant))).toHaveLength(1);
});

test("JSON is read back exactly as written, with any characters in its strings", async () => {
  const values = [
    { text: `'; drop table samples; -- "quoted" \\ \n \u2028 ☕ $1 \${x}`, nested: [null, true, 1.5, { "": "" }] },
    ["a", 1],
    "a plain text",
    '{"looks":"like JSON"}',
    "null",
    42,
    false,
    [true],
    [],
  ];

  await testDatabase.db.insert(samples).values(values.map((data, index) => ({ id: 100 + index, data })));

  const rows = await testDatabase.db
    .select({ data: samples.data })
    .from(samples)
    .where(sql`id >= 100`)
    .orderBy(samples.id);
  expect(rows.map((row) => row.data)).toEqual(values);
});

test("a read-only transaction rejects writes, sees one snapshot, and ends with its work", async () => {
  await testDatabase.db.insert(samples).values({ id: 200 });
  const countSamples = sql`select count(*)::int as count from samples`;

  const counts = await readOnly(testDatabase.db, { statementTimeoutMs: 5_000 }, async (tx) => {
    const before = await tx.execute(countSamples);
    await testDatabase.db.insert(samples).values({ id: 201 });
    return [before, await tx.execute(countSamples)];
  });
  const writing = readOnly(testDatabase.db, { statementTimeoutMs: 5_000 }, (tx) =>
    tx.insert(samples).values({ id: 202 }),
  );

  expect(counts[1]).toEqual(counts[0]);
  await expect(writing).rejects.toMatchObject({ cause: { code: "25006" } });
  expect(await testDatabase.db.select().from(samples).where(eq(samples.id, 202))).toEqual([]);
});

test("the server cancels a read-only statement after its timeout, and the pool's own timeout stays", async () => {
  const sleep = (seconds: number) => sql`select pg_sleep(${seconds})`;

  await readOnly(testDatabase.db, { statementTimeoutMs: 10_000 }, (tx) => tx.execute(sleep(0)));
  const slow = readOnly(testDatabase.db, { statementTimeoutMs: 20 }, (tx) => tx.execute(sleep(20)));

  await expect(slow).rejects.toMatchObject({ cause: { code: "57014" } });
  const limits = await Promise.all([1, 2, 3, 4, 5].map(() => testDatabase.db.execute(sql`show statement_timeout`)));
  expect(limits.flat()).toEqual(Array(5).fill({ statement_timeout: "30s" }));
});

test("every connection ends a transaction that is idle for longer than a takeover may wait", async () => {
  const show = sql`show idle_in_transaction_session_timeout`;

  const limits = await Promise.all([1, 2, 3, 4, 5].map(() => testDatabase.db.transaction((tx) => tx.execute(show))));

  expect(limits.flat()).toEqual(Array(5).fill({ idle_in_transaction_session_timeout: "5s" }));
});

test("a nested read-only transaction is rejected, because it could write", async () => {
  const nested = testDatabase.db.transaction((tx) => readOnly(tx, { statementTimeoutMs: 1_000 }, async () => "done"));

  await expect(nested).rejects.toThrow("readOnly needs the pool");
});

test("a separate session keeps its lock while the pool works, and reports when it is gone", async () => {
  const gone = Promise.withResolvers<void>();
  const session = testDatabase.database.openSession("test", gone.resolve);
  const [own] = await session<{ id: number }[]>`select pg_backend_pid() as id, pg_advisory_lock(77)`;

  const tryLock = () => testDatabase.db.execute(sql`select pg_try_advisory_lock(77) as taken`);
  const held = await tryLock();
  await testDatabase.db.execute(sql`select pg_terminate_backend(${own?.id}, 5000)`);
  await gone.promise;

  expect([...held]).toEqual([{ taken: false }]);
  expect([...(await tryLock())]).toEqual([{ taken: true }]);
  await session.end();
});

test("four processes can migrate a new database at once, and each migration is applied once", async () => {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onTestServer((session) => session`create database ${session(name)}`);
  const pools = [1, 2, 3, 4].map(() => connectDatabase({ ...inject("testServer"), database: name }));
  cleanups.push(() => dropTestDatabase(name), ...pools.map((pool) => () => pool.close()));

  const results = await Promise.allSettled(pools.map((pool) => migrateDatabase(pool)));

  expect(results.map((result) => result.status)).toEqual(Array(4).fill("fulfilled"));
  const names = sql`select count(*) = count(distinct name) as once from drizzle.__drizzle_migrations`;
  expect(await Promise.all(pools.map((pool) => pool.db.execute(names)))).toEqual(Array(4).fill([{ once: true }]));
});

test("a suitable server is reported with its version and no warning", async () => {
  expect(await checkServer(testDatabase.database)).toEqual({ version: expect.stringMatching(/^18\./), warnings: [] });
});

test("a collation that lowercases only English gets a warning", async () => {
  const name = await createDatabase("template template0 locale_provider libc locale 'C'");

  const { warnings } = await checkServer(connect({ ...inject("testServer"), database: name }));

  expect(warnings).toEqual([expect.stringContaining('a search for "đá xay" misses "ĐÁ XAY"')]);
});

test("a database that does not store UTF-8 is rejected", async () => {
  const name = await createDatabase("template template0 locale_provider libc locale 'C' encoding 'LATIN1'");

  await expect(check({ ...inject("testServer"), database: name })).rejects.toThrow(
    "encoding is LATIN1: use a database with the encoding UTF8",
  );
});

test("a proxy with transaction pooling is rejected", async () => {
  const pooler = await startTransactionPooler(join(inject("testServer").socketDir, ".s.PGSQL.5432"));
  cleanups.push(() => pooler.close());

  const failure = check({ url: `postgres://postgres@127.0.0.1:${pooler.port}/${testDatabase.name}?sslmode=disable` });

  await expect(failure).rejects.toThrow("leads to a proxy with transaction pooling");
});

test("an unreachable server is named without its password", async () => {
  const failure = await check({ url: "postgres://shop:s3cret@127.0.0.1:1/shop" }).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(failure).toHaveProperty("message", expect.stringContaining("the database at 127.0.0.1:1 (ECONNREFUSED)"));
  expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain("s3cret");
});

test("a server that closes each connection is named as that, also with TLS switched off", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined).end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  cleanups.push(async () => void server.close());
  const { port } = server.address() as AddressInfo;

  const failure = check({ url: `postgres://a:b@127.0.0.1:${port}/x?sslmode=disable&connect_timeout=1` });

  await expect(failure).rejects.toThrow(/closes each connection, or gives no answer: is it PostgreSQL/);
});

test("a missing database is reported in the server's own words", async () => {
  const failure = check({ ...inject("testServer"), database: "nowhere" });

  await expect(failure).rejects.toThrow(/rejects the connection \(3D000\): database "nowhere" does not exist/);
});

test.each([
  ["postgres://shop:s3cret@::1:5432/till", "must have an IPv6 address in brackets, such as [::1]:5432"],
  ["postgres://shop:s3cret@db/till/", "has a slash after the name of the database: remove it"],
  ["postgres://shop:s3cret@db:http/till", "must have a number as its port"],
])("DATABASE_URL=%s is refused: %s", (url, what) => {
  expect(() => connectDatabase({ url })).toThrow(`DATABASE_URL ${what}`);
});

test("a malformed DATABASE_URL is rejected without quoting its password", () => {
  for (const url of [
    "postgres://shop:s3cret/#@host/shop",
    "mysql://shop:s3cret@host/shop",
    "postgres://a:s3cret%zz@host/b",
  ]) {
    const open = () => connectDatabase({ url });

    expect(open).toThrow(StartupError);
    expect(open).not.toThrow(/s3cret/);
  }
});

function connect(target: DatabaseTarget) {
  const database = connectDatabase(target, { poolSize: 1 });
  cleanups.push(() => database.close());
  return database;
}

async function check(target: DatabaseTarget) {
  return checkServer(connect(target));
}

/** Creates a database with these options; it is dropped after the test. */
async function createDatabase(options: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onTestServer((session) => session.unsafe(`create database ${name} ${options}`));
  cleanups.push(() => dropTestDatabase(name));
  return name;
}

test("a DATABASE_URL may name a Unix socket's folder in both forms of libpq", async () => {
  const { socketDir, user } = inject("testServer");
  const urls = [
    `postgres://${user}@localhost/postgres?host=${socketDir}`,
    `postgres://${user}@${encodeURIComponent(socketDir)}/postgres`,
  ];

  const names = await Promise.all(
    urls.map(async (url) => {
      const database = connectDatabase({ url });
      const [row] = await database.db.execute<{ name: string }>(sql`select current_database() as name`);
      await database.close();
      return row?.name;
    }),
  );

  expect(names).toEqual(["postgres", "postgres"]);
});
