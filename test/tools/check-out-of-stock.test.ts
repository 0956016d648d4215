import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { openTestShop, type TestShop } from "../support/shop.ts";

/** Sunday morning. */
const NOW = "2026-11-22T10:00";
const askStock = (shop: TestShop) => shop.ask("CheckOutOfStock", {}, NOW);

test("out of stock is 0 or less, low is at or below the product's reorder level, scarcest first", async () => {
  const shop = await openTestShop();
  await shop.stock(
    "2026-11-22T08:00",
    "OAT,Sữa yến mạch,,,,0,6",
    "BEANS,Hạt Arabica,,,,-2.5,5",
    "CUP,Ly,,,,20,20",
    "LID,Nắp,,,,1,30",
    "TEA,Trà,,,,0.001,0.001",
    "ICE,Đá,,,,0,0",
    "COFFEE,Cà phê,,,,20.001,20",
  );

  const output = await askStock(shop);

  expect(output).toEqual({
    stock_as_of: "2026-11-22T08:00:00+07:00",
    out_of_stock_count: 3,
    low_stock_count: 3,
    pace_from_open_days: 0,
    out_of_stock: [
      unsold({ name: "Hạt Arabica", sku: "BEANS", stock: -2.5, reorder_level: 5 }),
      unsold({ name: "Sữa yến mạch", sku: "OAT", stock: 0, reorder_level: 6 }),
      unsold({ name: "Đá", sku: "ICE", stock: 0, reorder_level: 0 }),
    ],
    low_stock: [
      unsold({ name: "Nắp", sku: "LID", stock: 1, reorder_level: 30 }),
      unsold({ name: "Ly", sku: "CUP", stock: 20, reorder_level: 20 }),
      unsold({ name: "Trà", sku: "TEA", stock: 0.001, reorder_level: 0.001 }),
    ],
  });
});

test("sales per day are from the last 14 open days, without closed days, earlier days and today", async () => {
  const shop = await openTestShop();
  await shop.stock(
    "2026-11-22T08:00",
    "MILK,Sữa,,,,4,10",
    "SYRUP,Si rô,,,,1.5,5",
    "SALT,Muối,,,,1,5",
    "OUT,Hết,,,,-1,5",
  );
  // From Saturday 21 November back: the shop is closed on Sundays, so the 14th open day is Friday the 6th.
  const openDays = ["21", "20", "19", "18", "17", "16", "14", "13", "12", "11", "10", "09", "07", "06"];
  await shop.sell(
    NOW,
    "EARLIER,2026-11-05T23:59:59,MILK,1000,1,",
    "FIRST,2026-11-06T00:00:00,SYRUP,7,1,",
    "LAST,2026-11-21T23:59:59,OUT,14,1,",
    ...openDays.map((day) => `R${day},2026-11-${day}T12:00,MILK,3.5,1,`),
    ...openDays.slice(7).map((day) => `B${day},2026-11-${day}T12:01,MILK,-1,1,`),
    "TODAY,2026-11-22T00:00:00,MILK,1000,1,",
  );

  const output = await askStock(shop);

  expect(output).toMatchObject({
    pace_from_open_days: 14,
    out_of_stock: [{ sku: "OUT", sold_a_day: 1, days_of_cover: 0 }],
    low_stock: [
      // 14 x 3.5 sold, 7 given back: 42 in 14 days; 4 / 3 = 1.333
      { sku: "MILK", sold_a_day: 3, days_of_cover: 1.33 },
      { sku: "SALT", sold_a_day: 0, days_of_cover: null },
      { sku: "SYRUP", sold_a_day: 0.5, days_of_cover: 3 },
    ],
  });
});

test("after two open days, in the shop's time zone, sales per day are from two days", async () => {
  const shop = await openTestShop();
  await shop.stock("2026-11-22T08:00", "MILK,Sữa,,,,4,10");
  await shop.sell(
    NOW,
    "R1,2026-11-20T06:00,MILK,2,1,",
    "R2,2026-11-20T12:00,MILK,1,1,",
    "R3,2026-11-18T12:00,MILK,2,1,",
  );

  const output = await askStock(shop);

  expect(output).toMatchObject({ pace_from_open_days: 2, low_stock: [{ sold_a_day: 2.5, days_of_cover: 1.6 }] });
});

test("sales of today or of last year alone give no sales per day", async () => {
  const shop = await openTestShop();
  await shop.stock("2026-11-22T08:00", "MILK,Sữa,,,,4,10");
  await shop.sell(NOW, "R1,2026-11-22T09:00,MILK,3,1,", "R2,2025-11-22T12:00,MILK,2,1,");

  const output = await askStock(shop);

  expect(output).toMatchObject({ pace_from_open_days: 0, low_stock: [{ sold_a_day: null, days_of_cover: null }] });
});

test("a product with more refunds than sales has no days of cover", async () => {
  const shop = await openTestShop();
  await shop.stock("2026-11-22T08:00", "MILK,Sữa,,,,4,10");
  await shop.sell(NOW, "R1,2026-11-20T12:00,MILK,-3,1,");

  const output = await askStock(shop);

  expect(output).toMatchObject({ low_stock: [{ sold_a_day: -3, days_of_cover: null }] });
});

test("a product that only a sales file contains is in no list", async () => {
  const shop = await openTestShop();
  await shop.stock("2026-11-22T08:00", "MILK,Sữa,,,,100,10");
  await shop.sell(NOW, "R1,2026-11-20T12:00,UNKNOWN,3,1,");

  const output = await askStock(shop);

  expect(output).toMatchObject({ out_of_stock_count: 0, low_stock_count: 0, out_of_stock: [], low_stock: [] });
});

test("a list names the scarcest 50 products, and the count covers all", async () => {
  const shop = await openTestShop();
  const rows = (count: number, row: (n: number) => string) => Array.from({ length: count }, (_, n) => row(n));
  await shop.stock(
    "2026-11-22T08:00",
    ...rows(61, (n) => `OUT${n},Out ${n},,,,${-n},0`),
    ...rows(51, (n) => `LOW${n},Low ${n},,,,${n + 1},100`),
  );

  const output = await askStock(shop);

  const skus = (list: unknown) => (list as { sku: string }[]).map(({ sku }) => sku);
  expect(output).toMatchObject({ out_of_stock_count: 61, low_stock_count: 51 });
  expect(skus(output.out_of_stock)).toEqual(rows(50, (n) => `OUT${60 - n}`));
  expect(skus(output.low_stock)).toEqual(rows(50, (n) => `LOW${n}`));
});

test("the stock is as of the last products import, not of later sales imports", async () => {
  const shop = await openTestShop();
  await shop.stock("2026-11-20T08:00", "MILK,Sữa,,,,4,10");
  await shop.stock("2026-11-21T20:15:30", "MILK,Sữa,,,,4,10");
  await shop.sell(NOW, "R1,2026-11-22T09:00,MILK,3,1,");

  const output = await askStock(shop);

  expect(output).toMatchObject({ stock_as_of: "2026-11-21T20:15:30+07:00", low_stock: [{ stock: 4 }] });
});

test("without any import the lists are empty, and there is no time of the stock", async () => {
  const shop = await openTestShop();

  const output = await askStock(shop);

  expect(output).toMatchObject({ stock_as_of: null, out_of_stock: [], low_stock: [] });
});

test("the tool takes no arguments", async () => {
  const shop = await openTestShop();

  expect(() => shop.ask("CheckOutOfStock", { below: 10 }, NOW)).toThrow('Unrecognized key: "below"');
});

test("the database lowercases Vietnamese", async () => {
  const { db } = await openTestShop();

  const rows = await db.execute(sql`select lower('ĐÁ XAY') as lower`);

  expect([...rows]).toEqual([{ lower: "đá xay" }]);
});

/** A product of a shop without sales. */
function unsold(product: object) {
  return { ...product, sold_a_day: null, days_of_cover: null };
}
