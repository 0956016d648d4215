import { expect, test } from "vitest";
import { HANOI, NEW_YORK, openTestShop, type TestShop } from "../support/shop.ts";

const PRODUCTS = [
  "COFFEE,Cà phê sữa đá,,45000,15000,100,10",
  "TEA,Trà đào,,39000,,50,10",
  "BEANS,Hạt Arabica,,379002,200002,5,2",
];
/** Sunday morning, when all sales of Saturday are imported. */
const SUNDAY = "2026-11-15T10:00";
const SATURDAY = { date: "2026-11-14" };

async function openShop(...sales: string[]): Promise<TestShop> {
  const shop = await openTestShop();
  await shop.stock("2026-11-01T08:00", ...PRODUCTS);
  await shop.sell(SUNDAY, ...sales);
  return shop;
}

const askSaturday = (shop: TestShop) => shop.ask("CheckDailyRevenue", SATURDAY, SUNDAY);

test("a day's figures cover refunds net of their discount, a SKU twice, weights, and products without a cost", async () => {
  const shop = await openShop(
    "R1,2026-11-14T09:31,COFFEE,2,45000,5000",
    "R1,2026-11-14T09:31,TEA,1,39000,",
    "R1,2026-11-14T09:31,COFFEE,1,45000,",
    "R2,2026-11-14T10:00,BEANS,0.25,379002,",
    "R3,2026-11-14T11:00,COFFEE,-1,45000,4500",
    "R4,2026-11-15T09:00,COFFEE,1,45000,",
  );

  const output = await askSaturday(shop);

  // 0.25 kg: 94750.5 becomes 94751, and its cost 50000.5 becomes 50001; 223251 / 2 = 111625.5.
  expect(output).toMatchObject({
    date: "2026-11-14",
    weekday: "Saturday",
    status: "complete",
    note: "The whole day.",
    currency: "VND",
    data_through: "2026-11-15T09:00:00+07:00",
    orders: 2,
    units: 4.25,
    ...amount("gross_sales", 268_751, "268.751 ₫"),
    ...amount("discounts", 5_000, "5.000 ₫"),
    ...amount("refunds", 40_500, "40.500 ₫"),
    ...amount("net_revenue", 223_251, "223.251 ₫"),
    ...amount("cost_of_goods", 80_001, "80.001 ₫"),
    ...amount("gross_profit", 104_250, "104.250 ₫"),
    uncosted: { products: 1, ...amount("net_revenue", 39_000, "39.000 ₫") },
    ...amount("average_order_value", 111_626, "111.626 ₫"),
  });
  expect(output).not.toHaveProperty("as_of");
});

test("a sale at 23:59:59 belongs to the day, one at 00:00:00 to the next", async () => {
  const shop = await openShop(
    "R1,2026-11-13T23:59:59,COFFEE,1,1,",
    "R2,2026-11-14T00:00:00,COFFEE,1,10,",
    "R3,2026-11-14T23:59:59,COFFEE,1,100,",
    "R4,2026-11-15T00:00:00,COFFEE,1,1000,",
  );

  const revenue = await Promise.all(
    ["2026-11-13", "2026-11-14", "2026-11-15"].map((date) => shop.ask("CheckDailyRevenue", { date }, SUNDAY)),
  );

  expect(revenue).toMatchObject([{ net_revenue: 1 }, { net_revenue: 110 }, { net_revenue: 1000 }]);
});

test("a day has 23 hours when clocks are set forward, and 25 when they are set back", async () => {
  const shop = await openTestShop(NEW_YORK);
  await shop.stock("2026-03-01T08:00", "COFFEE,Coffee,,1.00,0.25,100,10");
  await shop.sell(
    "2026-11-03T10:00",
    "M0,2026-03-07T23:59:59-05:00,COFFEE,1,1000.00,",
    "M1,2026-03-08T00:00:00-05:00,COFFEE,1,0.01,",
    "M2,2026-03-08T23:59:59-04:00,COFFEE,1,0.10,",
    "M3,2026-03-09T00:00:00-04:00,COFFEE,1,1000.00,",
    "N0,2026-10-31T23:59:59-04:00,COFFEE,1,1000.00,",
    "N1,2026-11-01T00:00:00-04:00,COFFEE,1,0.01,",
    "N2,2026-11-01T01:30:00-04:00,COFFEE,1,0.10,",
    "N3,2026-11-01T01:30:00-05:00,COFFEE,1,1.00,",
    "N4,2026-11-01T23:59:59-05:00,COFFEE,1,10.00,",
    "N5,2026-11-02T00:00:00-05:00,COFFEE,1,1000.00,",
  );

  const short = await shop.ask("CheckDailyRevenue", { date: "2026-03-08" }, "2026-11-03T10:00");
  const long = await shop.ask("CheckDailyRevenue", { date: "2026-11-01" }, "2026-11-03T10:00");

  expect(short).toMatchObject({ orders: 2, net_revenue: 0.11, net_revenue_text: "$0.11" });
  expect(long).toMatchObject({ orders: 4, net_revenue: 11.11, net_revenue_text: "$11.11" });
});

test("amounts with cents are plain decimals, and text in the shop's locale", async () => {
  const shop = await openTestShop(NEW_YORK);
  await shop.stock("2026-11-01T08:00", "COFFEE,Coffee,,4.50,1.25,100,10");
  await shop.sell(
    "2026-11-15T10:00",
    "R1,2026-11-14T09:00,COFFEE,1,4.50,",
    "R2,2026-11-14T09:30,COFFEE,300,4.50,",
    "R3,2026-11-14T10:00,COFFEE,0.333,4.50,",
    "R4,2026-11-15T09:00,COFFEE,1,4.50,",
  );

  const output = await shop.ask("CheckDailyRevenue", SATURDAY, "2026-11-15T10:00");

  // 0.333 x 4.50 = 1.4985 becomes 1.50; its cost 0.41625 becomes 0.42.
  expect(output).toMatchObject({
    currency: "USD",
    ...amount("net_revenue", 1356, "$1,356.00"),
    ...amount("cost_of_goods", 376.67, "$376.67"),
    ...amount("gross_profit", 979.33, "$979.33"),
    ...amount("average_order_value", 452, "$452.00"),
  });
  const coffee = await shop.ask("CheckDailyRevenue", { date: "2026-11-15" }, "2026-11-15T10:00");
  expect(coffee).toMatchObject(amount("net_revenue", 4.5, "$4.50"));
});

test("a day without any known cost has no gross profit, and reports the revenue without a cost", async () => {
  const shop = await openShop(
    "R1,2026-11-14T09:00,TEA,2,39000,8000",
    "R2,2026-11-14T10:00,UNKNOWN,1,12000,",
    "R2,2026-11-14T10:00,UNKNOWN,1,8000,",
    "R3,2026-11-15T09:00,TEA,1,39000,",
  );

  const output = await askSaturday(shop);

  expect(output).toMatchObject({
    ...amount("net_revenue", 90_000, "90.000 ₫"),
    cost_of_goods: null,
    cost_of_goods_text: null,
    gross_profit: null,
    gross_profit_text: null,
    uncosted: { products: 2, net_revenue: 90_000 },
  });
});

test("a cost of 0 is a cost", async () => {
  const shop = await openShop("R1,2026-11-14T09:00,WATER,1,5000,", "R2,2026-11-15T09:00,WATER,1,5000,");
  await shop.stock(SUNDAY, "WATER,Nước,,5000,0,10,0");
  await shop.sell(SUNDAY, "R5,2026-11-14T09:00,WATER,1,5000,");

  const output = await askSaturday(shop);

  expect(output).toMatchObject({
    cost_of_goods: 0,
    gross_profit: 5_000,
    uncosted: { products: 1, net_revenue: 5_000 },
  });
});

test("orders are receipts with a sale: a receipt with refunds only does not count, one with both counts once", async () => {
  const shop = await openShop(
    "R1,2026-11-14T09:00,COFFEE,1,45000,",
    "R1,2026-11-14T09:00,TEA,-1,39000,",
    "R2,2026-11-14T10:00,COFFEE,-1,45000,",
    "R3,2026-11-15T09:00,COFFEE,1,45000,",
  );

  const output = await askSaturday(shop);

  expect(output).toMatchObject({ orders: 1, units: 1, refunds: 84_000, net_revenue: -39_000 });
  expect(output).toMatchObject({ net_revenue_text: text("-39.000 ₫"), average_order_value: -39_000 });
});

test("yesterday is unknown, not zero, until it is imported", async () => {
  const shop = await openShop("R1,2026-11-13T21:00,COFFEE,1,45000,");

  const output = await askSaturday(shop);

  expect(output).toEqual({
    date: "2026-11-14",
    weekday: "Saturday",
    status: "not_imported",
    note: "Sales of 2026-11-14 are not imported yet: imported sales end at 2026-11-13T21:00:00+07:00. The revenue is unknown, not zero.",
    currency: "VND",
    data_through: "2026-11-13T21:00:00+07:00",
  });
});

test("without any sales every day is not imported", async () => {
  const shop = await openTestShop();

  const output = await askSaturday(shop);

  expect(output).toMatchObject({ status: "not_imported", note: "No sales are imported yet.", data_through: null });
  expect(output).not.toHaveProperty("net_revenue");
});

test("a future day is reported as future, even when sales are already dated on it", async () => {
  const shop = await openShop("R1,2026-11-15T09:00,COFFEE,1,45000,", "R2,2026-11-16T09:00,COFFEE,1,45000,");

  const output = await shop.ask("CheckDailyRevenue", { date: "2026-11-16" }, SUNDAY);

  expect(output).toMatchObject({ status: "future", note: "2026-11-16 is in the future: today is 2026-11-15." });
  expect(output).not.toHaveProperty("net_revenue");
});

test("today is the date in the shop's time zone, not in UTC", async () => {
  const shop = await openTestShop();
  await shop.sell("2026-11-15T06:30", "R1,2026-11-15T06:00,COFFEE,1,45000,");

  const output = await shop.ask("CheckDailyRevenue", { date: "2026-11-15" }, "2026-11-15T06:30");

  expect(output).toMatchObject({ status: "so_far", as_of: "06:00", net_revenue: 45_000 });
});

test("today's figures are so far, and compared with other days up to the same time of day", async () => {
  const shop = await openShop(
    "W1,2026-11-07T10:15:00,COFFEE,1,40000,",
    "W2,2026-11-07T10:15:01,COFFEE,1,999,",
    "Y1,2026-11-13T08:00,COFFEE,1,30000,",
    "Y2,2026-11-13T10:15:00,COFFEE,1,20000,",
    "Y3,2026-11-13T10:15:01,COFFEE,1,999,",
    "T1,2026-11-14T08:00,COFFEE,1,25000,",
    "T2,2026-11-14T10:15:00,COFFEE,1,20000,",
  );

  const output = await shop.ask("CheckDailyRevenue", SATURDAY, "2026-11-14T11:00");

  expect(output).toMatchObject({
    status: "so_far",
    note: "Today so far, until 10:15.",
    as_of: "10:15",
    net_revenue: 45_000,
    previous_day: { date: "2026-11-13", net_revenue: 50_000, change_percent: -10, change_text: "-10%" },
    same_weekday_last_week: { date: "2026-11-07", net_revenue: 40_000, change_percent: 12.5, change_text: "+12,5%" },
  });
});

test("sales dated after now do not count for today so far", async () => {
  const shop = await openShop(
    "Y1,2026-11-13T10:00,COFFEE,1,30000,",
    "Y2,2026-11-13T12:00,COFFEE,1,999,",
    "T1,2026-11-14T10:00,COFFEE,1,45000,",
    "T2,2026-11-14T23:00,COFFEE,1,999,",
    "T3,2026-11-15T01:00,COFFEE,1,999,",
  );

  const output = await shop.ask("CheckDailyRevenue", SATURDAY, "2026-11-14T11:00");

  expect(output).toMatchObject({
    note: "Today so far, until 11:00.",
    as_of: "11:00",
    net_revenue: 45_000,
    previous_day: { net_revenue: 30_000 },
  });
});

test("with a sale in the last millisecond of today the other days are compared as a whole", async () => {
  const shop = await openShop("Y1,2026-11-13T10:00,COFFEE,1,30000,", "T1,2026-11-14T23:59:59.999,COFFEE,1,45000,");

  const output = await shop.ask("CheckDailyRevenue", SATURDAY, "2026-11-14T23:59:59.999");

  expect(output).toMatchObject({ status: "so_far", as_of: "23:59", previous_day: { net_revenue: 30_000 } });
});

test("when clocks skipped the hour on the other day, only sales before the change count", async () => {
  const shop = await openTestShop(NEW_YORK);
  await shop.sell(
    "2026-03-15T03:00",
    "W1,2026-03-08T01:59:59,COFFEE,1,4.00,",
    "W2,2026-03-08T03:00:01,COFFEE,1,100.00,",
    "T1,2026-03-15T02:30,COFFEE,1,5.00,",
  );

  const output = await shop.ask("CheckDailyRevenue", { date: "2026-03-15" }, "2026-03-15T04:00");

  expect(output).toMatchObject({
    as_of: "02:30",
    same_weekday_last_week: { net_revenue: 4, change_percent: 25, change_text: "+25%" },
  });
});

test("a past day imported before its end is known up to its last sale, and compared up to then", async () => {
  const shop = await openTestShop();
  await shop.sell(
    "2026-11-14T12:30",
    "Y1,2026-11-13T12:00,COFFEE,1,50000,",
    "Y2,2026-11-13T18:00,COFFEE,1,999,",
    "S1,2026-11-14T12:00,COFFEE,1,25000,",
  );

  const output = await askSaturday(shop);

  expect(output).toMatchObject({
    status: "partly_imported",
    note: "Imported up to 12:00 of that day: later sales are not imported yet.",
    data_through: "2026-11-14T12:00:00+07:00",
    net_revenue: 25_000,
    previous_day: { status: "complete", net_revenue: 50_000, change_percent: -50 },
  });
});

test("an import of older sales does not complete a partly imported day", async () => {
  const shop = await openTestShop();
  await shop.sell("2026-11-14T12:30", "S1,2026-11-14T12:00,COFFEE,1,25000,");
  await shop.sell(SUNDAY, "O1,2026-10-01T12:00,COFFEE,1,10000,");

  const output = await askSaturday(shop);

  expect(output).toMatchObject({ status: "partly_imported", net_revenue: 25_000 });
});

test("a day is complete once a file with its newest sale was first imported after its end, even if the shop closed early", async () => {
  const shop = await openTestShop();
  await shop.sell("2026-11-14T12:30", "S1,2026-11-14T12:00,COFFEE,1,25000,");
  await shop.sell("2026-11-15T00:00", "S0,2026-11-14T08:00,COFFEE,1,20000,", "S1,2026-11-14T12:00,COFFEE,1,25000,");

  const output = await askSaturday(shop);

  expect(output).toMatchObject({ status: "complete", net_revenue: 45_000 });
});

test("importing the same file again does not complete a partly imported day", async () => {
  const shop = await openTestShop();
  await shop.sell("2026-11-14T15:05", "S1,2026-11-14T14:50,COFFEE,1,25000,");
  await shop.sell("2026-11-15T08:00", "S1,2026-11-14T14:50,COFFEE,1,25000,");

  const output = await askSaturday(shop);

  expect(output).toMatchObject({ status: "partly_imported", net_revenue: 25_000 });
});

test("days before the first sale are unknown, and are not compared with", async () => {
  const shop = await openShop("R1,2026-11-14T09:00,COFFEE,1,45000,", "R2,2026-11-15T09:00,COFFEE,1,45000,");
  const note = "Imported sales begin on 2026-11-14: earlier days are unknown, not zero.";

  const before = await shop.ask("CheckDailyRevenue", { date: "2026-11-13" }, SUNDAY);
  const first = await askSaturday(shop);

  expect(before).toMatchObject({ status: "not_imported", note });
  expect(before).not.toHaveProperty("net_revenue");
  expect(first).toMatchObject({ status: "complete", net_revenue: 45_000 });
  expect(first.previous_day).toEqual({ date: "2026-11-13", weekday: "Friday", status: "not_imported", note });
});

test("a day without receipts between others is unknown, not zero: the shop was closed, or a file is missing", async () => {
  const shop = await openShop(
    "R1,2026-11-12T09:00,COFFEE,1,45000,",
    "R2,2026-11-14T09:00,COFFEE,1,45000,",
    "R3,2026-11-15T09:00,COFFEE,1,45000,",
  );

  const friday = await shop.ask("CheckDailyRevenue", { date: "2026-11-13" }, SUNDAY);
  const { previous_day } = await askSaturday(shop);

  expect(friday).toMatchObject({
    status: "no_sales",
    orders: 0,
    note: expect.stringContaining("unknown, not zero"),
  });
  expect(friday).not.toHaveProperty("net_revenue");
  expect(previous_day).toMatchObject({ status: "no_sales" });
  expect(previous_day).not.toHaveProperty("net_revenue");
});

test("a change from a day with zero revenue has no percentage", async () => {
  const shop = await openShop(
    "R1,2026-11-13T09:00,COFFEE,1,45000,",
    "R2,2026-11-13T10:00,COFFEE,-1,45000,",
    "R3,2026-11-14T09:00,COFFEE,1,45000,",
    "R4,2026-11-15T09:00,COFFEE,1,45000,",
  );

  const { previous_day } = await askSaturday(shop);

  expect(previous_day).toMatchObject({ net_revenue: 0, change_percent: null, change_text: null });
});

test("a change is rounded to a tenth of a percent, half away from zero, and zero has no sign", async () => {
  const shop = await openShop(
    "R1,2026-11-07T09:00,COFFEE,1,2000,",
    "R2,2026-11-13T09:00,COFFEE,1,2003,",
    "R3,2026-11-14T09:00,COFFEE,1,2003,",
    "R4,2026-11-15T09:00,COFFEE,1,45000,",
  );

  const output = await askSaturday(shop);

  // 3 / 2000 = 0.15 %
  expect(output.same_weekday_last_week).toMatchObject({ change_percent: 0.2, change_text: "+0,2%" });
  expect(output.previous_day).toMatchObject({ change_percent: 0, change_text: "0%" });
});

test("amounts over 2^53, and a sum over 64 bits, are exact as text", async () => {
  const shop = await openShop(
    "R1,2026-11-14T09:00,COFFEE,999999999,9000000000,",
    "R2,2026-11-14T09:01,COFFEE,999999999,9000000000,",
    "R3,2026-11-14T09:02,COFFEE,1,1,",
    "R4,2026-11-15T09:00,COFFEE,1,45000,",
  );

  const output = await askSaturday(shop);

  expect(output).toMatchObject({
    net_revenue_text: text("17.999.999.982.000.000.001 ₫"),
    cost_of_goods_text: text("29.999.999.985.000 ₫"),
    gross_profit_text: text("17.999.969.982.000.015.001 ₫"),
  });
});

/** An amount and its text as in the tool's output. */
function amount(name: string, value: number, written: string) {
  return { [name]: value, [`${name}_text`]: text(written) };
}

/** `Intl` puts a no-break space between number and currency. */
function text(written: string): string {
  return written.replace(" ", "\u00a0");
}

test("only a valid calendar date is accepted", async () => {
  const shop = await openTestShop(HANOI);
  const ask = (date: unknown) => () => shop.ask("CheckDailyRevenue", { date }, SUNDAY);

  for (const date of ["2026-02-29", "14/11/2026", "yesterday", "2026-11-14T00:00", "", null, 20261114]) {
    expect(ask(date)).toThrow("must be a calendar date in the form YYYY-MM-DD");
  }
  expect(await ask("2028-02-29")()).toMatchObject({ status: "future" });
});
