import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Transaction } from "../../../src/db/driver/drizzle-transaction.ts";
import type { ImportOptions } from "../../../src/db/import/import-run.ts";
import { lockImports } from "../../../src/db/import/import-run.ts";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import { BadInputError } from "../../../src/errors.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../support/database.ts";
import { fc } from "../../support/property.ts";
import { faultsOf, NEW_YORK, salesFile, sellFrom, storedImports, storedLines } from "./import-support.ts";

const DAILY = { receiptNumbers: "daily" } as const;
const UNIQUE = { receiptNumbers: "unique" } as const;

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());
beforeEach(empty);

async function empty() {
  for (const table of [saleLines, sales, imports, products]) await store.db.delete(table);
}

function sell(rows: readonly string[], options: Partial<ImportOptions> = {}) {
  return sellFrom(store.database, salesFile(...rows), options);
}

/** Receipts 0001 and so on at 09:00 of a day. */
function dayOf(date: string, count: number, price = 1000): string[] {
  return Array.from({ length: count }, (_, i) => `${String(i + 1).padStart(4, "0")},${date}T09:00,TEA,1,${price},`);
}

async function stored(): Promise<string[]> {
  const lines = await storedLines(store.db);
  return lines.map(({ receipt, soldAt, unitPrice }) => `${receipt} ${soldAt.toISOString()} ${unitPrice}`).sort();
}

test("a receipt never replaces one of another day: the fault names the days and what to do", async () => {
  await sell([...dayOf("2026-11-13", 12), "A7,2026-11-12T10:00,TEA,1,1,"]);
  const before = [await stored(), await storedImports(store.db)];

  const faults = await faultsOf(sell(["X1,2026-11-14T08:00,CAKE,1,1,", ...dayOf("2026-11-14", 12)]));
  const two = await faultsOf(sell([...dayOf("2026-11-14", 1), "A7,2026-11-14T10:00,TEA,1,1,"]));

  const remedy =
    "no receipt replaces one of another day: if the numbers begin anew each day, import with --receipts daily, else correct the numbers or sold_at";
  expect(faults).toEqual([`3 receipt: 12 receipts have numbers of 13 November 2026; ${remedy}`]);
  expect(two).toEqual([
    `2 receipt: 1 receipt has a number of 12 November 2026, 1 receipt has a number of 13 November 2026; ${remedy}`,
  ]);
  expect([await stored(), await storedImports(store.db)]).toEqual(before);
});

test("many other days are counted", async () => {
  await sell(Array.from({ length: 6 }, (_, i) => `S${i},2026-11-0${i + 1}T09:00,TEA,1,1,`));

  const faults = await faultsOf(sell(Array.from({ length: 6 }, (_, i) => `S${i},2026-11-20T09:00,TEA,1,1,`)));

  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain("1 receipt has a number of 3 November 2026, 3 receipts have numbers of 3 other days; ");
});

test("with daily numbers, the same number on two days is two receipts, and each is replaced by its own day", async () => {
  await sell(dayOf("2026-11-13", 2), DAILY);
  const next = await sell(dayOf("2026-11-14", 2, 2000), DAILY);
  const again = await sell(dayOf("2026-11-13", 2), DAILY);
  const corrected = await sell(["0002,2026-11-13T23:59,TEA,1,3000,"], DAILY);

  expect([next, again, corrected].map(({ changedCount }) => changedCount)).toEqual([2, 0, 1]);
  expect(await stored()).toEqual([
    "0001 2026-11-13T02:00:00.000Z 1000",
    "0001 2026-11-14T02:00:00.000Z 2000",
    "0002 2026-11-13T16:59:00.000Z 3000",
    "0002 2026-11-14T02:00:00.000Z 2000",
  ]);
});

test("the choice is recorded and remembered until another one is made, and a refused file changes nothing about it", async () => {
  const first = await sell(dayOf("2026-11-12", 1));
  await faultsOf(sell(["0001,2026-11-13T09:00,TEA,none,1,"], DAILY));
  const second = await sell(dayOf("2026-11-12", 1), DAILY);
  const third = await sell(dayOf("2026-11-13", 1));

  expect([first, second, third].map(({ receiptNumbers }) => receiptNumbers)).toEqual(["unique", "daily", "daily"]);
  expect((await storedImports(store.db)).map(({ receiptNumbers }) => receiptNumbers)).toEqual([
    "unique",
    "daily",
    "daily",
  ]);
  expect(await stored()).toHaveLength(2);
});

test("daily numbers become unique again unless a number is stored with several days", async () => {
  await sell(dayOf("2026-11-13", 3), DAILY);
  const unique = await sell(dayOf("2026-11-13", 3), UNIQUE);
  await sell(dayOf("2026-11-14", 2), DAILY);

  const refused = sell(["0009,2026-11-14T09:00,TEA,1,1,"], UNIQUE);

  await expect(refused).rejects.toThrow(BadInputError);
  await expect(refused).rejects.toThrow(
    'Nothing was imported from file.csv: 2 receipt numbers are stored with several days, such as "0001" with 13 November 2026 and 14 November 2026, so the numbers are not unique: import with --receipts daily',
  );
  expect(unique.receiptNumbers).toBe("unique");
  expect((await sell(dayOf("2026-11-15", 1))).receiptNumbers).toBe("daily");
});

test("one number on two days of a file is refused, or is two receipts, wherever their lines are", async () => {
  const rows = [
    "0001,2026-11-13T23:59,TEA,1,1,",
    "0001,2026-11-14T00:01,TEA,2,1,",
    "0001,2026-11-13T23:59,CAKE,3,1,",
    "0001,2026-11-14T00:01,CAKE,4,1,",
  ];
  const hint =
    "which has the same receipt: if the numbers begin anew each day, import with --receipts daily, else write the same time";

  expect(await faultsOf(sell(rows))).toEqual([
    `3 sold_at: is of another day than line 2, ${hint}`,
    `5 sold_at: is of another day than line 2, ${hint}`,
  ]);
  const { receiptCount } = await sell(rows, DAILY);

  expect(receiptCount).toBe(2);
  expect(
    (await storedLines(store.db))
      .map(({ soldAt, quantity }) => `${soldAt.toISOString().slice(0, 16)} ${quantity}`)
      .sort(),
  ).toEqual(["2026-11-13T16:59 1.000", "2026-11-13T16:59 3.000", "2026-11-13T17:01 2.000", "2026-11-13T17:01 4.000"]);
});

test("two times of a receipt on one day are refused with daily numbers too", async () => {
  const rows = [...dayOf("2026-11-13", 1), ...dayOf("2026-11-14", 1), "0001,2026-11-14T09:01,TEA,1,1,"];

  const faults = await faultsOf(sell(rows, DAILY));

  expect(faults).toEqual(["4 sold_at: differs from line 3, which has the same receipt"]);
});

test("a receipt whose time is corrected within its day is replaced, whatever the clocks do that day", async () => {
  const shop = { shop: NEW_YORK };
  await sell(["1,2026-11-01T00:00,TEA,1,1.00,", "2,2026-11-01T23:59:59.999,TEA,1,1.00,"], shop);

  const moved = await sell(["1,2026-11-01T01:30:00-05:00,TEA,1,1.00,", "2,2026-11-01T04:00:00Z,TEA,1,1.00,"], shop);
  const faults = await faultsOf(sell(["1,2026-11-02T05:00Z,TEA,1,1.00,", "2,2026-11-01T03:59Z,TEA,1,1.00,"], shop));

  expect(moved.changedCount).toBe(2);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain("2 receipts have numbers of 1 November 2026;");
});

test("receipts that an earlier version stored have the day of their sale", async () => {
  await sell([...dayOf("2026-11-13", 2), "N,2026-11-13T23:59,TEA,1,1,"]);
  await store.db.update(sales).set({ receiptDate: null });
  await store.db.update(imports).set({ receiptNumbers: null });

  const faults = await faultsOf(sell(["N,2026-11-14T00:00,TEA,1,1,"]));
  const same = await sell(dayOf("2026-11-13", 2));
  const next = await sell(dayOf("2026-11-14", 2), DAILY);

  expect(faults[0]).toContain("1 receipt has a number of 13 November 2026;");
  expect([same, next].map(({ changedCount }) => changedCount)).toEqual([0, 2]);
  expect(await stored()).toHaveLength(5);
});

test("after the shop's time zone is corrected, local times replace their own day, and the same instant is the same sale", async () => {
  const utc = { shop: { ...NEW_YORK, timeZone: "UTC", currency: "VND" } };
  const local = ["L,2026-11-13T20:00,TEA,1,1,"];
  const exact = ["E,2026-11-13T20:00Z,TEA,1,1,"];
  await sell([...local, ...exact], utc);

  const moved = await sell(local);
  const same = await sell(exact);
  const doubled = await faultsOf(sell(exact, DAILY));

  expect([moved, same].map(({ changedCount }) => changedCount)).toEqual([1, 0]);
  expect(doubled).toEqual([
    "2 receipt: 1 receipt has a stored sale of 13 November 2026 at the same instant, but with another local date: SHOP_TIME_ZONE has changed since, set it back",
  ]);
});

test("an import that waited for another one reads its numbers as that one did", async () => {
  await sell(dayOf("2026-11-13", 2));
  const release = await holdLocks(store.db, (tx) => lockImports(tx as Transaction));

  const daily = sell(dayOf("2026-11-14", 2), DAILY);
  await expect.poll(countWaiting).toBe(1);
  const silent = sell(dayOf("2026-11-15", 2));
  await expect.poll(countWaiting).toBe(2);
  await release();

  expect((await Promise.all([daily, silent])).map(({ receiptNumbers }) => receiptNumbers)).toEqual(["daily", "daily"]);
  expect(await stored()).toHaveLength(6);
});

/** PostgreSQL grants an advisory lock in the order in which it was asked for. */
async function countWaiting(): Promise<number> {
  const waiting = await store.db.execute(sql`
    select 1 from pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())`);
  return waiting.length;
}

interface Sale {
  number: number;
  day: number;
  minute: number;
  price: number;
}

const saleOf = fc.record({
  number: fc.integer({ min: 1, max: 3 }),
  day: fc.integer({ min: 10, max: 12 }),
  minute: fc.integer({ min: 10, max: 12 }),
  price: fc.integer({ min: 1, max: 2 }),
});
const fileOf = fc.record({
  sales: fc.array(saleOf, { minLength: 1, maxLength: 4 }),
  receiptNumbers: fc.constantFrom("unique", "daily", undefined),
});

test("whatever files come, a stored receipt changes only by one of its own number and day", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fileOf, { minLength: 1, maxLength: 5 }), async (files) => {
      await empty();
      const shop = new Map<string, Sale>();
      for (const { sales: file, receiptNumbers } of files) {
        const rows = file.map(
          ({ number, day, minute, price }) => `${number},2026-11-${day}T09:${minute},TEA,1,${price},`,
        );
        const isStored = await sell(rows, receiptNumbers ? { receiptNumbers } : {}).then(
          () => true,
          (error: unknown) => {
            expect(error).toBeInstanceOf(BadInputError);
            return false;
          },
        );
        // The lines of one receipt in one file add up.
        if (isStored) for (const sale of merged(file)) shop.set(`${sale.number} ${sale.day}`, sale);
      }
      expect((await revenueByReceipt()).sort()).toEqual(
        [...shop.values()].map(({ number, day, minute, price }) => `${number} ${day} ${minute} ${price}`).sort(),
      );
    }),
    { numRuns: 60 },
  );
});

function merged(file: readonly Sale[]): Sale[] {
  const receipts = new Map<string, Sale>();
  for (const sale of file) {
    const key = `${sale.number} ${sale.day}`;
    receipts.set(key, { ...sale, price: sale.price + (receipts.get(key)?.price ?? 0) });
  }
  return [...receipts.values()];
}

async function revenueByReceipt(): Promise<string[]> {
  const totals = new Map<string, bigint>();
  const lines = await store.db
    .select({ receipt: sales.receipt, date: sales.receiptDate, soldAt: sales.soldAt, net: saleLines.netAmount })
    .from(saleLines)
    .innerJoin(sales, eq(sales.id, saleLines.saleId));
  for (const { receipt, date, soldAt, net } of lines) {
    const key = `${receipt} ${date?.slice(-2)} ${soldAt.toISOString().slice(14, 16)}`;
    totals.set(key, (totals.get(key) ?? 0n) + net);
  }
  return [...totals].map(([key, total]) => `${key} ${total}`);
}
