import { asc, count, gte, sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { salesOfDay } from "../../../sandbox/shop/day-of-sales.ts";
import { type DemoShopSeed, seedDemoShop } from "../../../sandbox/shop/demo-shop.ts";
import { getRevenue } from "../../../src/db/queries/shop/revenue.ts";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import { clockAt, daySpan } from "../../../src/shop/calendar.ts";
import type { Shop } from "../../../src/shop/shop.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const SHOP: Shop = { name: "Xi Pho Coffee", timeZone: "Asia/Ho_Chi_Minh", currency: "VND", locale: "vi-VN" };
/** A Sunday, 10:00 in the shop's time zone. */
const NOW = new Date("2026-11-22T03:00:00Z");
const YESTERDAY = Temporal.PlainDate.from("2026-11-21");

let demo: TestDatabase;
let seeds: DemoShopSeed[];
beforeAll(async () => {
  demo = await createTestDatabase();
  // As when two processes start at the same time.
  seeds = await Promise.all([seed(NOW), seed(NOW)]);
});
afterAll(() => demo.close());

function seed(now: Date): Promise<DemoShopSeed> {
  return seedDemoShop(demo.database, { shop: SHOP, now, allowDatabase: demo.name });
}

function storedReceiptsSince(from: Date) {
  return demo.db
    .select({ receipt: sales.receipt, soldAt: sales.soldAt })
    .from(sales)
    .where(gte(sales.soldAt, from))
    .orderBy(asc(sales.soldAt), asc(sales.receipt));
}

function receiptsOf(date: string) {
  return salesOfDay(Temporal.PlainDate.from(date), SHOP);
}

test("the demo shop is never created in another database", async () => {
  const other = await createTestDatabase();

  const attempt = seedDemoShop(other.database, { shop: SHOP, now: NOW });

  await expect(attempt).rejects.toThrow(`The demo shop must not be stored in the database ${other.name}`);
  expect(await other.db.$count(products)).toBe(0);
  await other.close();
});

test("two simultaneous starts create one shop, with two years of sales up to now", async () => {
  const [stored] = await demo.db.select({ count: count(), first: sql<string>`min(${sales.soldAt})` }).from(sales);
  const creating = seeds.filter(({ created }) => created);

  expect(creating).toHaveLength(1);
  expect(stored?.count).toBe(creating[0]?.receipts);
  expect(new Date(stored?.first ?? "").toISOString()).toMatch(/^2024-11-22T00/);
  expect(NOW.getTime() - (creating[0]?.dataThrough.getTime() ?? 0)).toBeLessThan(3_600_000);
});

test("two products are out of stock, three are low, three have no cost", async () => {
  const items = await demo.db.select().from(products);

  const isOut = ({ stock }: { stock: string }) => Number(stock) <= 0;
  const out = items.filter(isOut);
  const low = items.filter((item) => !isOut(item) && Number(item.stock) <= Number(item.reorderLevel));
  expect(items).toHaveLength(40);
  expect(out.map(({ name, reorderLevel }) => `${name} of ${reorderLevel}`).sort()).toEqual([
    "Hạt Arabica 1 kg of 5.000",
    "Sữa yến mạch 1 L of 6.000",
  ]);
  expect(low).toHaveLength(3);
  expect(items.filter(({ cost }) => cost === null)).toHaveLength(3);
});

test("a full day is stored exactly as generated, with correct totals", async () => {
  const receipts = receiptsOf("2026-11-21");
  const lines = receipts.flatMap((receipt) => receipt.lines);

  const figures = await getRevenue(demo.db, daySpan(YESTERDAY, SHOP.timeZone));

  const sold = lines.filter(({ quantity }) => quantity > 0n);
  const gross = sold.reduce((sum, { quantity, unitPrice }) => sum + (quantity * unitPrice) / 1_000n, 0n);
  expect(figures.orders).toBe(receipts.filter(({ receipt }) => !receipt.endsWith("-R")).length);
  expect(figures.grossSales).toBe(gross);
  expect(figures.discounts).toBe(sold.reduce((sum, { discount }) => sum + discount, 0n));
});

test("a later start adds only the missing sales, and they are those of the generated day", async () => {
  const before = await demo.db.$count(sales);

  const again = await seed(NOW);
  const later = await seed(new Date("2026-11-23T10:30:00Z"));

  const expected = [...receiptsOf("2026-11-22"), ...receiptsOf("2026-11-23")].filter(
    ({ soldAt }) => soldAt <= new Date("2026-11-23T10:30:00Z"),
  );
  const stored = await storedReceiptsSince(daySpan(Temporal.PlainDate.from("2026-11-22"), SHOP.timeZone).from);
  expect(again).toMatchObject({ created: false, receipts: 0 });
  expect(later).toMatchObject({ created: false, receipts: (await demo.db.$count(sales)) - before });
  expect(stored).toEqual(expected.map(({ receipt, soldAt }) => ({ receipt, soldAt })));
  expect(later.dataThrough).toEqual(expected.at(-1)?.soldAt);
});

test("a start on a day without sales records that the day before is complete", async () => {
  const tet = new Date("2027-02-06T05:00:00Z");
  await seed(new Date("2027-02-05T01:00:00Z"));

  const { receipts } = await seed(tet);

  const [latest] = await demo.db.select().from(imports).orderBy(sql`${imports.completedAt} desc`).limit(1);
  expect(receipts).toBe(0);
  expect(latest).toMatchObject({ kind: "sales", importedBy: "demo", rowCount: 0, completedAt: tet });
});

test("the shop opens at 7, closes at 22, has 45 to 70 receipts a day and none over Tết", () => {
  const start = Temporal.PlainDate.from("2026-01-01");
  const days = Array.from({ length: 365 }, (_, i) => start.add({ days: i })).map((date) => salesOfDay(date, SHOP));

  const closed = days.flatMap((day, i) => (day.length === 0 ? [start.add({ days: i }).toString()] : []));
  const counts = days
    .filter((day) => day.length > 0)
    .map((day) => day.filter(({ receipt }) => !receipt.endsWith("-R")).length);
  const clocks = days
    .flat()
    .filter(({ receipt }) => !receipt.endsWith("-R"))
    .map(({ soldAt }) => clockAt(soldAt, SHOP.timeZone));
  expect(closed).toEqual(["2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19"]);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(45);
  expect(Math.max(...counts)).toBeLessThanOrEqual(70);
  expect(clocks.every((clock) => clock >= "07:00" && clock < "22:00")).toBe(true);
});

test("the sales include refunds, discounts and fractions of a kilogram", async () => {
  const [kinds] = await demo.db
    .select({
      refunds: sql<string>`count(*) filter (where ${saleLines.quantity} < 0)`,
      discounts: sql<string>`count(*) filter (where ${saleLines.discount} > 0)`,
      parts: sql<string>`count(*) filter (where ${saleLines.quantity} = 0.25)`,
    })
    .from(saleLines);

  expect(Number(kinds?.refunds)).toBeGreaterThan(100);
  expect(Number(kinds?.discounts)).toBeGreaterThan(1_000);
  expect(Number(kinds?.parts)).toBeGreaterThan(100);
});

test("in a currency with cents prices are in cents", () => {
  const lines = salesOfDay(YESTERDAY, { ...SHOP, currency: "USD" }).flatMap((receipt) => receipt.lines);

  const coffee = lines.find(({ sku }) => sku === "CF-SUA-DA");
  expect(coffee).toMatchObject({ unitPrice: 290n, unitCost: 95n });
});
