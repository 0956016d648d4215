import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSession } from "../../../src/db/client.ts";
import { disableTimeouts, type Transaction } from "../../../src/db/driver/drizzle-transaction.ts";
import { createPool } from "../../../src/db/driver/pool.ts";
import { isDatabaseUnavailable } from "../../../src/db/error-code.ts";
import { copyRows } from "../../../src/db/import/copy-rows.ts";
import { startTcpProxy, type TcpProxy } from "../../chaos/tcp-proxy.ts";
import { createTestDatabase, onTestServer, type TestDatabase } from "../../support/database.ts";

const ANSWER_LIMIT_MS = 1_500;
/** Longer than that. */
const LONG = sql`select pg_sleep(4)`;

let store: TestDatabase;
const closes: (() => Promise<void>)[] = [];
beforeEach(async () => {
  store = await createTestDatabase();
  await store.db.execute(sql`create table notes (n int)`);
});
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close();
  await store.close();
});

/** A network border in front of the server. */
async function startBorder(): Promise<TcpProxy> {
  const border = await startTcpProxy(() => ({ path: `${store.target.socketDir}/.s.PGSQL.5432` }));
  closes.push(() => border.close());
  return border;
}

/** A pool of one connection whose connections go, one after the other, through these borders; further ones through the last. */
function openPool({ borders, user = store.target.user }: { borders: TcpProxy[]; user?: string }) {
  let opened = 0;
  const pool = createPool({
    size: 1,
    answerTimeoutMs: ANSWER_LIMIT_MS,
    open(onClose) {
      // The first is the one that never connects.
      const border = borders[Math.min(Math.max(opened - 1, 0), borders.length - 1)];
      opened += 1;
      const url = `postgres://${user}@127.0.0.1:${border?.port}/${store.name}`;
      return openSession({ url }, "under test", onClose);
    },
  });
  closes.push(() => pool.close(0));
  return drizzle({ client: pool.client });
}

/** A transaction without time limits. */
function unlimited<T>(db: ReturnType<typeof openPool>, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    await disableTimeouts(tx);
    return work(tx);
  });
}

/** Waits until the server sleeps for us; gives the process that does. */
async function sleeper(): Promise<number> {
  const asleep = () =>
    onTestServer<{ pid: number }[]>(
      (session) => session`select pid from pg_stat_activity
        where datname = ${store.name} and wait_event = 'PgSleep'`,
    );
  await expect.poll(async () => (await asleep()).length).toBe(1);
  return (await asleep())[0]?.pid ?? 0;
}

test("a statement may take longer than an answer may elsewhere, and so may a COPY", async () => {
  const db = openPool({ borders: [await startBorder()] });
  const slowly = async function* () {
    for (const n of [1, 2, 3]) {
      yield [String(n)];
      await store.db.execute(sql`select pg_sleep(1)`);
    }
  };

  await unlimited(db, async (tx) => {
    await tx.execute(LONG);
    await copyRows(tx, { table: "notes", columns: ["n"] }, slowly());
  });

  expect(await store.db.$count(sql`notes`)).toBe(3);
});

test("the limits hold again in the next transaction, on the same connection", async () => {
  const db = openPool({ borders: [await startBorder()] });
  const process = sql`select pg_backend_pid() as pid, current_setting('statement_timeout') as timeout`;
  const facts = async (source: Pick<typeof db, "execute">) => [...(await source.execute(process))][0];
  const before = await facts(db);

  const within = await unlimited(db, facts);

  expect(within).toEqual({ ...before, timeout: "0" });
  expect(await facts(db)).toEqual(before);
  await expect(db.execute(LONG)).rejects.toSatisfy(isDatabaseUnavailable);
});

test("a server behind a network that goes silent is noticed while a statement runs", async () => {
  const border = await startBorder();
  const db = openPool({ borders: [border] });
  const failed = expect(unlimited(db, (tx) => tx.execute(sql`select pg_sleep(600)`))).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  await sleeper();

  border.set({ kind: "blackhole" });

  await failed;
});

test("a server that refuses further connections for good is noticed too", async () => {
  const [own, others] = [await startBorder(), await startBorder()];
  const db = openPool({ borders: [own, others] });
  const failed = expect(unlimited(db, (tx) => tx.execute(sql`select pg_sleep(600)`))).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  await sleeper();

  others.set({ kind: "refuse" });

  await failed;
});

test("a connection whose end never arrived here is noticed, though the server answers others", async () => {
  const [own, others] = [await startBorder(), await startBorder()];
  const db = openPool({ borders: [own, others] });
  const failed = expect(unlimited(db, (tx) => tx.execute(sql`select pg_sleep(600)`))).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  const process = await sleeper();

  own.set({ kind: "blackhole" });
  await onTestServer((session) => session`select pg_terminate_backend(${process}, 5000)`);

  await failed;
});

test("a server that has no connection left for who looks is there all the same", async () => {
  const user = store.name;
  await store.db.execute(sql.raw(`create role ${user} login connection limit 1`));
  closes.push(async () => void (await store.db.execute(sql.raw(`drop role ${user}`))));
  const db = openPool({ borders: [await startBorder()], user });

  await expect(unlimited(db, (tx) => tx.execute(LONG))).resolves.toHaveLength(1);
});

test("work between two statements of a large change may take minutes, as on a busy machine, and elsewhere seconds", async () => {
  const limit = sql`select current_setting('idle_in_transaction_session_timeout') as "idle"`;
  const idle = async (tx: Transaction) => [...(await tx.execute<{ idle: string }>(limit))][0]?.idle;

  const within = await store.db.transaction(async (tx) => {
    await disableTimeouts(tx);
    return idle(tx);
  });

  expect(within).toBe("5min");
  expect(await store.db.transaction(idle)).toBe("5s");
});
