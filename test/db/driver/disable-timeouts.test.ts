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

const ANSWER_TIMEOUT_MS = 1_500;
/** Takes longer than that. */
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

/** A proxy in front of the server, which can fail like a network. */
async function startProxy(): Promise<TcpProxy> {
  const proxy = await startTcpProxy(() => ({ path: `${store.target.socketDir}/.s.PGSQL.5432` }));
  closes.push(() => proxy.close());
  return proxy;
}

/** A pool of one connection. Its first connection uses the first proxy, the next one the second, all further ones the last. */
function openPool({ proxies, user = store.target.user }: { proxies: TcpProxy[]; user?: string }) {
  let opened = 0;
  const pool = createPool({
    size: 1,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    open(onClose) {
      // The first call creates the pool's template, which never connects.
      const proxy = proxies[Math.min(Math.max(opened - 1, 0), proxies.length - 1)];
      opened += 1;
      const url = `postgres://${user}@127.0.0.1:${proxy?.port}/${store.name}`;
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

/** Waits until a backend is in pg_sleep; returns its process id. */
async function waitForSleeper(): Promise<number> {
  const asleep = () =>
    onTestServer<{ pid: number }[]>(
      (session) => session`select pid from pg_stat_activity
        where datname = ${store.name} and wait_event = 'PgSleep'`,
    );
  await expect.poll(async () => (await asleep()).length).toBe(1);
  return (await asleep())[0]?.pid ?? 0;
}

test("a statement may take longer than the usual timeout, and so may a COPY", async () => {
  const db = openPool({ proxies: [await startProxy()] });
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

test("the timeouts apply again in the next transaction on the same connection", async () => {
  const db = openPool({ proxies: [await startProxy()] });
  const process = sql`select pg_backend_pid() as pid, current_setting('statement_timeout') as timeout`;
  const facts = async (source: Pick<typeof db, "execute">) => [...(await source.execute(process))][0];
  const before = await facts(db);

  const within = await unlimited(db, facts);

  expect(within).toEqual({ ...before, timeout: "0" });
  expect(await facts(db)).toEqual(before);
  await expect(db.execute(LONG)).rejects.toSatisfy(isDatabaseUnavailable);
});

test("a network that goes silent during a statement is detected", async () => {
  const proxy = await startProxy();
  const db = openPool({ proxies: [proxy] });
  const failed = expect(unlimited(db, (tx) => tx.execute(sql`select pg_sleep(600)`))).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  await waitForSleeper();

  proxy.set({ kind: "blackhole" });

  await failed;
});

test("a server that refuses all further connections is detected", async () => {
  const [own, others] = [await startProxy(), await startProxy()];
  const db = openPool({ proxies: [own, others] });
  const failed = expect(unlimited(db, (tx) => tx.execute(sql`select pg_sleep(600)`))).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  await waitForSleeper();

  others.set({ kind: "refuse" });

  await failed;
});

test("a connection that only the server has closed is detected", async () => {
  const [own, others] = [await startProxy(), await startProxy()];
  const db = openPool({ proxies: [own, others] });
  const failed = expect(unlimited(db, (tx) => tx.execute(sql`select pg_sleep(600)`))).rejects.toSatisfy(
    isDatabaseUnavailable,
  );
  const process = await waitForSleeper();

  own.set({ kind: "blackhole" });
  await onTestServer((session) => session`select pg_terminate_backend(${process}, 5000)`);

  await failed;
});

test("a server without a free connection for the check counts as alive", async () => {
  const user = store.name;
  await store.db.execute(sql.raw(`create role ${user} login connection limit 1`));
  closes.push(async () => void (await store.db.execute(sql.raw(`drop role ${user}`))));
  const db = openPool({ proxies: [await startProxy()], user });

  await expect(unlimited(db, (tx) => tx.execute(LONG))).resolves.toHaveLength(1);
});

test("a transaction without timeouts may be idle for minutes, others for seconds", async () => {
  const limit = sql`select current_setting('idle_in_transaction_session_timeout') as "idle"`;
  const idle = async (tx: Transaction) => [...(await tx.execute<{ idle: string }>(limit))][0]?.idle;

  const within = await store.db.transaction(async (tx) => {
    await disableTimeouts(tx);
    return idle(tx);
  });

  expect(within).toBe("5min");
  expect(await store.db.transaction(idle)).toBe("5s");
});
