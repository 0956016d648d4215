import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSession } from "../../../src/db/client.ts";
import { createPool, type PoolOptions } from "../../../src/db/driver/pool.ts";
import { errorCode, isDatabaseUnavailable } from "../../../src/db/error-code.ts";
import { copyRows } from "../../../src/db/import/copy-rows.ts";
import { createTestDatabase, onTestServer, type TestDatabase } from "../../support/database.ts";

let store: TestDatabase;
const closes: (() => Promise<void>)[] = [];
beforeEach(async () => {
  store = await createTestDatabase();
  await store.db.execute(sql`create table notes (writer int, half int, n int)`);
});
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
  await store.close();
});

function openPool(options: Partial<PoolOptions> & { size: number }) {
  const pool = createPool({
    answerTimeoutMs: 60_000,
    ...options,
    open: (onClose) => openSession(store.target, "pool under test", onClose),
  });
  const close = (limitMs = 5_000) => pool.close(limitMs);
  closes.push(close);
  return { db: drizzle({ client: pool.client }), close };
}

const note = (writer: number, half = 1, n = 1) => sql`insert into notes values (${writer}, ${half}, ${n})`;
const notes = async () =>
  (await store.db.execute<{ writer: number }>(sql`select writer from notes order by writer`)).map(
    ({ writer }) => writer,
  );

/** Ends each connection of the pool under test with this probability, and waits up to `waitMs` until they are gone. */
function cut({ chance, waitMs }: { chance: number; waitMs: number }): Promise<unknown> {
  return onTestServer(
    (session) => session`select pg_terminate_backend(pid, ${waitMs}) from pg_stat_activity
      where datname = ${store.name} and application_name = 'pool under test' and random() < ${chance}`,
  );
}

test("a cut connection fails only its own work: nothing hangs, and no transaction is half done", async () => {
  const { db } = openPool({ size: 6 });
  const faults = new Set<unknown>();
  let [done, cuts] = [0, 0];
  const waiting: { for: number; resolve(): void }[] = [];
  const doneIs = (count: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push({ for: count, resolve });
    return promise;
  };
  const write = async (writer: number) => {
    for (let n = 0; cuts < 40; n++) {
      try {
        await db.transaction(async (tx) => {
          await tx.execute(note(writer, 1, n));
          await tx.execute(sql`select pg_sleep(0.001)`);
          await tx.execute(note(writer, 2, n));
        });
        await db.execute(sql`select ${n}::int`);
        done += 1;
        for (const waiter of waiting.splice(0)) {
          if (waiter.for <= done) waiter.resolve();
          else waiting.push(waiter);
        }
      } catch (error) {
        if (!isDatabaseUnavailable(error)) faults.add(error);
      }
    }
  };

  const writers = Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map(write));
  for (; cuts < 40; cuts++) {
    await doneIs(done + (cuts % 7));
    await cut({ chance: 0.6, waitMs: 0 });
  }
  await writers;

  const torn = sql`select writer, n from notes group by writer, n having count(*) <> 2`;
  expect([...faults]).toEqual([]);
  expect([...(await store.db.execute(torn))]).toEqual([]);
});

test("a transaction fails with its connection: no further statement is sent, and nothing is stored", async () => {
  const { db } = openPool({ size: 1 });
  const faults: unknown[] = [];

  const failed = db.transaction(async (tx) => {
    await tx.execute(note(1));
    await cut({ chance: 1, waitMs: 5_000 });
    for (let tries = 0; tries < 3; tries++) await tx.execute(note(2)).catch((error: unknown) => faults.push(error));
    return "as if all were well";
  });

  await expect(failed).rejects.toSatisfy(isDatabaseUnavailable);
  expect(faults.every(isDatabaseUnavailable)).toBe(true);
  await db.execute(note(3));
  expect(await notes()).toEqual([3]);
});

test("a transaction with a failed statement is not committed, even if the error was caught", async () => {
  const { db } = openPool({ size: 1 });

  const failed = db.transaction(async (tx) => {
    await tx.execute(note(1));
    await tx.execute(sql`select 1 / 0`).catch(() => "caught");
  });

  await expect(failed).rejects.toSatisfy((error) => errorCode(error) === "22012");
  expect(await notes()).toEqual([]);
});

test("a nested transaction is rolled back alone", async () => {
  const { db } = openPool({ size: 1 });

  await db.transaction(async (tx) => {
    await tx.execute(note(1));
    const inner = tx.transaction(async (nested) => {
      await nested.execute(note(2));
      await nested.execute(sql`select 1 / 0`);
    });
    await expect(inner).rejects.toSatisfy((error) => errorCode(error) === "22012");
    await tx.transaction((nested) => nested.execute(note(3)));
  });

  expect(await notes()).toEqual([1, 3]);
});

test("a statement after the end of its transaction is rejected", async () => {
  const { db } = openPool({ size: 1 });
  const tx = await db.transaction(async (open) => open);

  await expect(tx.execute(note(1))).rejects.toMatchObject({ cause: new Error("the transaction is over") });

  expect(await notes()).toEqual([]);
});

test("callers beyond the pool's size wait, first come, first served", async () => {
  const { db } = openPool({ size: 1 });
  const all = [1, 2, 3, 4, 5, 6, 7, 8];
  const order: number[] = [];

  const asked = all.map(async (writer) => {
    const rows = await db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    order.push(writer);
    return rows[0]?.pid;
  });

  expect(new Set(await Promise.all(asked)).size).toBe(1);
  expect(order).toEqual(all);
});

test("a database that refuses connections fails all statements, waiting ones too, and is found again later", async () => {
  const { db } = openPool({ size: 1 });
  const allow = (yes: boolean) =>
    onTestServer(
      (session) => session`alter database ${session(store.name)} allow_connections ${session.unsafe(String(yes))}`,
    );
  await allow(false);

  const refused = await Promise.allSettled([1, 2, 3].map((writer) => db.execute(note(writer))));
  await allow(true);
  await db.execute(note(4));

  expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(await notes()).toEqual([4]);
});

const backend = sql`select pg_backend_pid() as pid`;

test("a connection is replaced after its lifetime", async () => {
  const { db } = openPool({ size: 1, lifetimeMs: 0 });
  const pids: unknown[] = [];

  for (let asked = 0; asked < 3; asked++)
    pids.push(...(await db.execute<{ pid: number }>(backend)).map(({ pid }) => pid));

  expect(new Set(pids).size).toBe(3);
});

test.each([
  ["many statements", 90_000, (shape: number) => `/* ${shape} */`],
  ["long statements", 2_500_000, (shape: number) => `/* ${shape}${"-".repeat(2_000)} */`],
])(
  "a connection is replaced when it has prepared %s, also in transactions, and repeated ones count once",
  async (_, maxPreparedBytes, remark) => {
    const { db } = openPool({ size: 1, maxPreparedBytes });
    const pidAt = async (source: Pick<typeof db, "execute">, shape: number) => {
      const [row] = await source.execute<{ pid: number }>(
        sql`select pg_backend_pid() as pid ${sql.raw(remark(shape))}`,
      );
      return row?.pid;
    };

    const same = [await pidAt(db, 1), await pidAt(db, 1), await pidAt(db, 1), await pidAt(db, 2), await pidAt(db, 3)];
    const fourth = await pidAt(db, 4);
    const fifth = await db.transaction((tx) => pidAt(tx, 5));
    const sixth = await pidAt(db, 6);

    expect(new Set([...same, fourth]).size).toBe(1);
    expect(new Set([fourth, fifth, sixth]).size).toBe(2);
  },
);

test("a silent server counts as lost: the statement fails, and the next one uses another connection", async () => {
  const { db } = openPool({ size: 1, answerTimeoutMs: 300 });
  const [before] = await db.execute<{ pid: number }>(backend);

  const silent = db.execute(sql`select pg_sleep(60)`);

  await expect(silent).rejects.toSatisfy(isDatabaseUnavailable);
  const [after] = await db.execute<{ pid: number }>(backend);
  expect(after?.pid).not.toBe(before?.pid);
});

test("closing waits for running work and accepts no more", async () => {
  const { db, close } = openPool({ size: 1 });
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const running = db.transaction(async (tx) => {
    await tx.execute(note(1));
    begun.resolve();
    await goOn.promise;
    await tx.execute(note(2));
  });
  await begun.promise;

  const closed = close();
  const late = db.execute(note(3));
  await expect(late).rejects.toSatisfy((error) => errorCode(error) === "CONNECTION_ENDED");
  goOn.resolve();
  await Promise.all([running, closed]);

  expect(await notes()).toEqual([1, 2]);
});

test("closing ends work that takes longer than the timeout, and waiting callers fail", async () => {
  const { db, close } = openPool({ size: 1 });
  const given = [sql`select pg_sleep(60)`, note(1)].map((statement) =>
    expect(db.execute(statement)).rejects.toSatisfy(isDatabaseUnavailable),
  );
  await expect.poll(busyConnections).toBe(1);

  await close(10);

  await Promise.all(given);
  expect(await notes()).toEqual([]);
});

test("a COPY after the connection was cut opens no other connection, and stores nothing", async () => {
  const { db } = openPool({ size: 1 });
  const target = { table: "notes", columns: ["writer", "half", "n"] };

  const failed = db.transaction(async (tx) => {
    await tx.execute(note(1));
    await cut({ chance: 1, waitMs: 5_000 });
    await tx.execute(note(2)).catch(() => "caught");
    await copyRows(tx, target, [["3", "1", "1"]]);
  });

  await expect(failed).rejects.toSatisfy(isDatabaseUnavailable);
  expect(await notes()).toEqual([]);
});

test("a COPY whose connection is cut fails the transaction, and nothing waits forever", async () => {
  const { db } = openPool({ size: 1 });
  await store.db.execute(sql`create unique index on notes (n)`);
  const endless = function* () {
    for (let n = 1; ; n++) yield ["1", "1", String(n)];
  };

  // A lock on the first row makes the COPY wait until it is cut.
  await store.db.transaction(async (tx) => {
    await tx.execute(note(2));
    const failed = db.transaction((own) =>
      copyRows(own, { table: "notes", columns: ["writer", "half", "n"] }, endless()),
    );
    const seen = expect(failed).rejects.toSatisfy(isDatabaseUnavailable);
    await expect.poll(waitingForALock).toBe(1);
    await cut({ chance: 1, waitMs: 5_000 });
    await seen;
  });

  expect(await notes()).toEqual([2]);
});

/** The number of connections of the pool under test that wait for a lock. */
async function waitingForALock(): Promise<number> {
  const rows = await onTestServer(
    (session) => session`select 1 from pg_stat_activity
      where datname = ${store.name} and application_name = 'pool under test' and wait_event_type = 'Lock'`,
  );
  return rows.length;
}

/** The number of connections of the pool under test on which a statement runs. */
async function busyConnections(): Promise<number> {
  const rows = await onTestServer(
    (session) => session`select 1 from pg_stat_activity
      where datname = ${store.name} and application_name = 'pool under test' and state = 'active'`,
  );
  return rows.length;
}
