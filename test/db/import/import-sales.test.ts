import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connectDatabase } from "../../../src/db/client.ts";
import type { Transaction } from "../../../src/db/driver/drizzle-transaction.ts";
import { lockImports } from "../../../src/db/import/import-run.ts";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../support/database.ts";
import {
  faultsOf,
  NEW_YORK,
  NOW,
  productsFile,
  salesFile,
  sellFrom,
  stockFrom,
  storedImports,
  storedLines,
  storedProducts,
} from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());
beforeEach(async () => {
  for (const table of [saleLines, sales, imports, products]) await store.db.delete(table);
  await stockFrom(store.database, productsFile("COFFEE,Cà phê sữa đá,,45000,15000,100,", "TEA,Trà đào,,39000,,50,"));
});

test("lines store their totals and the product's current cost, rounded half away from zero", async () => {
  const file = salesFile(
    "R1,2026-11-14T09:31,COFFEE,2,45000,5000",
    "R1,2026-11-14T09:31,TEA,1.5,39001,",
    "R2,2026-11-14T09:35,COFFEE,-0.333,1500,",
  );

  const summary = await sellFrom(store.database, file);

  expect(summary).toMatchObject({ rowCount: 3, receiptCount: 2, changedCount: 2, unchanged: false, newProducts: [] });
  expect(await storedLines(store.db)).toMatchObject([
    { receipt: "R1", sku: "COFFEE", gross: 90000n, net: 85000n, unitCost: 15000n, cost: 30000n },
    // 58501.5 and -499.5
    { receipt: "R1", sku: "TEA", gross: 58502n, net: 58502n, unitCost: null, cost: null },
    { receipt: "R2", sku: "COFFEE", gross: -500n, net: -500n, unitCost: 15000n, cost: -4995n },
  ]);
});

test("a refund's discount reduces the amount that is given back", async () => {
  await sellFrom(store.database, salesFile("R1,2026-11-14T09:31,COFFEE,-1,45000,4500"));

  expect(await storedLines(store.db)).toMatchObject([
    { quantity: "-1.000", gross: -45000n, discount: 4500n, net: -40500n },
  ]);
});

test("a sales file does not change stock, and reports the newest sale", async () => {
  await sellFrom(
    store.database,
    salesFile("R2,2026-11-14T23:59:59,COFFEE,1,45000,", "R1,2026-11-14T00:00:00,COFFEE,1,45000,"),
  );
  const older = await sellFrom(store.database, salesFile("R0,2026-11-01T10:00,COFFEE,1,45000,"));

  expect((await storedLines(store.db)).map(({ soldAt }) => soldAt.toISOString())).toEqual([
    "2026-11-01T03:00:00.000Z",
    "2026-11-13T17:00:00.000Z",
    "2026-11-14T16:59:59.000Z",
  ]);
  expect(older.dataThrough).toEqual(new Date("2026-11-01T03:00:00Z"));
  expect(older.salesThrough).toEqual(new Date("2026-11-14T16:59:59Z"));
  expect((await storedImports(store.db)).map(({ kind, dataThrough }) => [kind, dataThrough?.toISOString()])).toEqual([
    ["products", NOW.toISOString()],
    ["sales", "2026-11-14T16:59:59.000Z"],
    ["sales", "2026-11-01T03:00:00.000Z"],
  ]);
  expect((await storedProducts(store.db)).map(({ stock }) => stock)).toEqual(["100.000", "50.000"]);
});

test("importing a file again writes nothing, even if a cost has changed since", async () => {
  const file = salesFile(
    "R1,2026-11-14T09:31,COFFEE,1,45000,",
    "R1,2026-11-14T09:31,COFFEE,1,45000,",
    "R2,2026-11-14T10:00,TEA,1,1,",
  );
  await sellFrom(store.database, file);
  const before = await storedLines(store.db);
  await stockFrom(store.database, productsFile("COFFEE,Cà phê sữa đá,,45000,16000,100,"));

  const summary = await sellFrom(store.database, file);

  expect(summary).toMatchObject({ rowCount: 3, changedCount: 0, unchanged: true });
  expect(await storedLines(store.db)).toEqual(before);
});

test("a changed receipt replaces the stored one as a whole; its SKUs keep their cost, new ones take the current cost", async () => {
  await sellFrom(
    store.database,
    salesFile(
      "R1,2026-11-14T09:31,COFFEE,1,45000,",
      "R1,2026-11-14T09:31,TEA,1,39000,",
      "R2,2026-11-14T10:00,TEA,1,1,",
    ),
  );
  const before = await storedLines(store.db);
  await stockFrom(
    store.database,
    productsFile("COFFEE,Cà phê,,45000,16000,100,", "CAKE,Bánh mì,,20000,8000,9,", "TEA,Trà,,1,5000,9,"),
  );

  const summary = await sellFrom(
    store.database,
    salesFile(
      "R1,2026-11-14T09:32,COFFEE,2,45000,",
      "R1,2026-11-14T09:32,CAKE,1,20000,",
      "R1,2026-11-14T09:32,TEA,1,39000,",
    ),
  );

  const after = await storedLines(store.db);
  expect(summary).toMatchObject({ receiptCount: 1, changedCount: 1 });
  expect(
    after.filter(({ receipt }) => receipt === "R1").map(({ sku, quantity, unitCost }) => [sku, quantity, unitCost]),
  ).toEqual([
    ["COFFEE", "2.000", 15000n],
    ["CAKE", "1.000", 8000n],
    ["TEA", "1.000", null],
  ]);
  expect(after[0]).toMatchObject({
    saleId: before[0]?.saleId,
    importId: summary.importId,
    soldAt: new Date("2026-11-14T02:32:00Z"),
  });
  expect(after.filter(({ receipt }) => receipt === "R2")).toEqual(before.filter(({ receipt }) => receipt === "R2"));
});

test.each([
  ["a line less", ["R1,2026-11-14T09:31,COFFEE,1,45000,"]],
  [
    "a line more",
    ["R1,2026-11-14T09:31,COFFEE,1,45000,", "R1,2026-11-14T09:31,TEA,1,39000,", "R1,2026-11-14T09:31,TEA,1,39000,"],
  ],
  ["another price", ["R1,2026-11-14T09:31,COFFEE,1,45001,", "R1,2026-11-14T09:31,TEA,1,39000,"]],
  ["another discount", ["R1,2026-11-14T09:31,COFFEE,1,45000,1", "R1,2026-11-14T09:31,TEA,1,39000,"]],
  ["another time", ["R1,2026-11-14T09:31:01,COFFEE,1,45000,", "R1,2026-11-14T09:31:01,TEA,1,39000,"]],
])("a receipt with %s is a changed receipt", async (_name, rows) => {
  await sellFrom(store.database, salesFile("R1,2026-11-14T09:31,COFFEE,1,45000,", "R1,2026-11-14T09:31,TEA,1,39000,"));

  const summary = await sellFrom(store.database, salesFile(...rows));

  expect(summary.changedCount).toBe(1);
  expect(await storedLines(store.db)).toHaveLength(rows.length);
});

test("the lines of a receipt may be anywhere in the file, and may repeat a SKU", async () => {
  const file = salesFile(
    "R1,2026-11-14T09:31,COFFEE,1,45000,",
    "R2,2026-11-14T09:40,TEA,1,39000,",
    "R1,2026-11-14T09:31,TEA,1,39000,",
    "R1,2026-11-14T09:31,COFFEE,3,45000,",
  );

  const summary = await sellFrom(store.database, file);

  expect(summary.receiptCount).toBe(2);
  expect((await storedLines(store.db)).map(({ receipt, sku, quantity }) => `${receipt} ${sku} ${quantity}`)).toEqual([
    "R1 COFFEE 1.000",
    "R1 TEA 1.000",
    "R1 COFFEE 3.000",
    "R2 TEA 1.000",
  ]);
});

test("an unknown SKU adds an inactive product, which a products file completes later", async () => {
  const summary = await sellFrom(
    store.database,
    salesFile("R1,2026-11-14T09:31,NEW-2,1,1,", "R1,2026-11-14T09:31,NEW-1,1,1,"),
  );
  const made = (await storedProducts(store.db)).find(({ sku }) => sku === "NEW-1");
  await stockFrom(store.database, productsFile("NEW-1,Named,,,,4,"));

  const filled = (await storedProducts(store.db)).find(({ sku }) => sku === "NEW-1");
  expect(summary.newProducts).toEqual(["NEW-1", "NEW-2"]);
  expect(made).toMatchObject({ name: "NEW-1", active: false, cost: null, stock: "0.000" });
  expect(filled).toMatchObject({ id: made?.id, name: "Named", active: true, stock: "4.000" });
});

test("each bad cell is named by line and column, and nothing is stored", async () => {
  const file = salesFile(
    "R1,2026-11-14T09:31,COFFEE,1,45000,",
    ",14/11/2026 09:31,,0,-1,",
    "R2,2026-11-14,COFFEE,1.2345,1.5,-3",
    "R3,2026-11-24T09:31,COFFEE,1,45000,45001",
    "R4,2026-02-30T09:31,COFFEE,9999999999,99999999999,",
    "R5,2026-11-14T09:31,COFFEE,1,45000,45001",
  );

  const faults = await faultsOf(sellFrom(store.database, file));

  expect(faults).toEqual([
    "3 receipt: is empty",
    '3 sold_at: "14/11/2026 09:31" is not a clear date and time: write it like 2026-11-14T09:31',
    "3 sku: is empty",
    "3 quantity: is 0: remove the row",
    '3 unit_price: "-1" is negative: only a quantity may be negative',
    '4 sold_at: "2026-11-14" has no time of day: write it like 2026-11-14T09:31',
    '4 quantity: "1.2345" has more decimals than a quantity allows (3)',
    '4 unit_price: "1.5" has more decimals than VND allows (0)',
    '4 discount: "-3" is negative: only a quantity may be negative',
    '5 sold_at: "2026-11-24T09:31" is in the future',
    '6 sold_at: "2026-02-30T09:31" is a date or time that does not exist',
    '6 quantity: "9999999999" is out of range: a quantity has at most 9 digits before the decimal point',
    '6 unit_price: "99999999999" is more than the maximum of 9000000000',
    "7 discount: is more than the line's total (quantity x unit_price)",
  ]);
  expect(await storedLines(store.db)).toEqual([]);
  expect(await storedImports(store.db)).toHaveLength(1);
});

test("a receipt has one time: a different one is rejected with both lines", async () => {
  const file = salesFile(
    "R1,2026-11-14T09:31,COFFEE,1,1,",
    "R2,2026-11-14T09:31,COFFEE,1,1,",
    "R1,2026-11-14T09:32,TEA,1,1,",
  );

  const faults = await faultsOf(sellFrom(store.database, file));

  expect(faults).toEqual(["4 sold_at: differs from line 2, which has the same receipt"]);
});

test("a time without an offset is the shop's: the earlier of two after a clock change, rejected when it was skipped", async () => {
  const accepted = salesFile(
    "A,2026-11-01T01:30,COFFEE,1,4.50,",
    "B,2026-11-01 01:30:00-05:00,COFFEE,1,4.50,",
    "C,2026-11-01T05:30Z,COFFEE,1,4.50,",
    "D,2026-03-08T03:00,COFFEE,1,4.50,",
  );
  const refused = salesFile("E,2026-03-08T01:59,COFFEE,1,4.50,", "F,2026-03-08T02:30,COFFEE,1,4.50,");

  await sellFrom(store.database, accepted, { shop: NEW_YORK });
  const faults = await faultsOf(sellFrom(store.database, refused, { shop: NEW_YORK }));

  expect((await storedLines(store.db)).map(({ soldAt, unitPrice }) => [soldAt.toISOString(), unitPrice])).toEqual([
    ["2026-11-01T05:30:00.000Z", 450n],
    ["2026-11-01T06:30:00.000Z", 450n],
    ["2026-11-01T05:30:00.000Z", 450n],
    ["2026-03-08T07:00:00.000Z", 450n],
  ]);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(/^3 sold_at: "2026-03-08T02:30" does not exist in America\/New_York/);
});

test("clocks set back within an hour, as in St. John's at 00:01, affect only the times after the change", async () => {
  const file = salesFile("A,2010-11-07T00:00:30,COFFEE,1,1,", "B,2010-11-07T00:30,COFFEE,1,1,");

  await sellFrom(store.database, file, { shop: { ...NEW_YORK, timeZone: "America/St_Johns" } });

  expect((await storedLines(store.db)).map(({ soldAt }) => soldAt.toISOString())).toEqual([
    "2010-11-07T02:30:30.000Z",
    "2010-11-07T04:00:00.000Z",
  ]);
});

test("concurrent imports run one after another: each receipt is stored once, and the second file finds nothing new", async () => {
  const file = salesFile(...Array.from({ length: 500 }, (_, i) => `R${i},2026-11-14T09:31,SKU${i % 50},1,45000,`));

  const [first, second] = await Promise.all([sellFrom(store.database, file), sellFrom(store.database, file)]);

  expect([first.changedCount, second.changedCount].sort((a, b) => a - b)).toEqual([0, 500]);
  expect(await storedLines(store.db)).toHaveLength(500);
  expect(await store.db.select().from(products).where(eq(products.active, false))).toHaveLength(50);
});

test("the pool's statement timeout does not cancel a long import", async () => {
  const impatient = await createTestDatabase({ statementTimeoutMs: 150 });
  const rows = Array.from({ length: 20_000 }, (_, i) => `R${i},2026-11-14T09:31,COFFEE,1,45000,`);

  const summary = await sellFrom(impatient.database, salesFile(...rows));
  await impatient.close();

  expect(summary.changedCount).toBe(20_000);
});

test("an import waits for another one without a limit, even longer than the usual timeout", async () => {
  // The pool's answer timeout is then 5.5 s.
  const impatient = await createTestDatabase({ statementTimeoutMs: 500 });
  const other = connectDatabase(impatient.target);
  const release = await holdLocks(other.db, (tx) => lockImports(tx as Transaction));
  const waiting = Promise.withResolvers<void>();

  const imported = sellFrom(impatient.database, salesFile("R1,2026-11-14T09:31,COFFEE,1,45000,"), {
    onProgress: ({ phase }) => phase === "waiting" && waiting.resolve(),
  });
  await Promise.race([waiting.promise, imported]);
  await other.db.execute(sql`select pg_sleep(7)`);
  await release();

  expect((await imported).changedCount).toBe(1);
  await other.close();
  await impatient.close();
});
