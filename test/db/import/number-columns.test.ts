import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ImportError } from "../../../src/db/import/import-error.ts";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import { currencyDecimals, minorToDecimal } from "../../../src/shop/money.ts";
import type { Shop } from "../../../src/shop/shop.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { fc } from "../../support/property.ts";
import { faultsOf, salesFile, sellFrom, stockFrom, storedLines, storedProducts } from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());
beforeEach(async () => {
  for (const table of [saleLines, sales, imports, products]) await store.db.delete(table);
});

type Delimiter = "," | ";" | "\t";
type NumberColumn = "price" | "cost" | "stock" | "reorder_level";
const COLUMNS = ["price", "cost", "stock", "reorder_level"] as const;

function shopOf(locale: string, currency: string): Shop {
  return { name: "Shop", timeZone: "Asia/Ho_Chi_Minh", locale, currency };
}
const VND = shopOf("vi-VN", "VND");
const USD = shopOf("en-US", "USD");
const EUR = shopOf("de-DE", "EUR");

/** Imports the columns as a products file. @returns the stored numbers of the first column, or the faults as `line: reason`. */
async function read(columns: Partial<Record<NumberColumn, string[]>>, shop: Shop, delimiter: Delimiter = ",") {
  const names = Object.keys(columns) as NumberColumn[];
  const first = names[0] ?? "price";
  const rows = (columns[first] ?? []).map((_, index) => {
    const cells = COLUMNS.map((name) => columns[name]?.[index] ?? (name === "stock" ? "1" : ""));
    return [`P${String(index).padStart(4, "0")}`, "Name", "", ...cells].map((cell) => `"${cell}"`).join(delimiter);
  });
  const file = [["sku", "name", "category", ...COLUMNS].join(delimiter), ...rows].join("\n");
  try {
    await stockFrom(store.database, file, { shop });
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    return error.faults.map(({ line, reason }) => `${line}: ${reason}`);
  }
  const stored = await storedProducts(store.db);
  return stored.map(({ price, cost, stock, reorderLevel }) => {
    const value = { price, cost, stock, reorder_level: reorderLevel }[first];
    return typeof value === "bigint" ? minorToDecimal(value, shop.currency) : String(value);
  });
}

const unclear = (line: number, cell: string, readings: string) => `${line}: "${cell}" is ambiguous: write ${readings}`;

test.each<[string, Shop, Delimiter, string[], string[]]>([
  ["a grouped number before it", VND, ",", ["1.250.000", "1.250"], ["1250000", "1250"]],
  ["a grouped number after it", VND, ",", ["1.250", "25.000", "1.250.000"], ["1250", "25000", "1250000"]],
  ["a grouped number by commas", VND, ",", ["25,000", "1,250,000"], ["25000", "1250000"]],
  ["decimals behind a grouped number", VND, ";", ["25.000,00", "1.250"], ["25000", "1250"]],
  ["zero decimals", VND, ",", ["1.250", "850,00"], ["1250", "850"]],
  ["a decimal point", USD, ",", ["1.500", "0.500", "12.25"], ["1.50", "0.50", "12.25"]],
  ["a decimal comma", EUR, ";", ["1.500", "1,500", "12,25"], ["1500.00", "1.50", "12.25"]],
  ["four digits before the point", EUR, ";", ["1.500", "1250.000"], ["1.50", "1250.00"]],
  ["a space in the number", EUR, ";", ["1,500", "1 250,5"], ["1.50", "1250.50"]],
  ["the locale's commas", USD, ",", ["1,500", "12"], ["1500.00", "12.00"]],
  ["the locale's commas, no decimals", shopOf("ja-JP", "JPY"), ",", ["25,000", "850"], ["25000", "850"]],
])("an unclear amount is read by %s", async (_name, shop, delimiter, price, expected) => {
  expect(await read({ price }, shop, delimiter)).toEqual(expected);
});

test.each<[string, Shop, Delimiter, string[], string[]]>([
  ["nothing says more", VND, ",", ["25.000", "850"], [unclear(2, "25.000", "25000 or 25")]],
  ["it is a plain decimal with too many decimals", USD, ",", ["1.500"], [unclear(2, "1.500", "1500 or 1.5")]],
  ["the locale has another separator", shopOf("de-CH", "CHF"), ",", ["1,500"], [unclear(2, "1,500", "1500 or 1.5")]],
  ["the currency has three decimals", shopOf("en-US", "KWD"), ",", ["1,500"], [unclear(2, "1,500", "1500 or 1.5")]],
  [
    "the column mixes two conventions",
    EUR,
    ";",
    ["1,250.50", "1.250,50", "1.250", "2,500"],
    [unclear(4, "1.250", "1250 or 1.25"), unclear(5, "2,500", "2500 or 2.5")],
  ],
  [
    "it would mean 25 yen",
    shopOf("en-US", "JPY"),
    ",",
    ["25.000", "850.00", "1250.000"],
    [unclear(2, "25.000", "25000 or 25")],
  ],
])("an unclear amount is refused when %s", async (_name, shop, delimiter, price, expected) => {
  expect(await read({ price }, shop, delimiter)).toEqual(expected);
});

test("an amount with too many decimals is refused when the column says that it has them", async () => {
  expect(await read({ price: ["1.234", "1.500", "0.50"] }, USD)).toEqual([
    '2: "1.234" has more decimals than USD allows (2)',
  ]);
});

test("columns are read apart: one may have a decimal point, and the other one thousands", async () => {
  const columns = { price: ["1.250", "1.250.000"], cost: ["1.250", "0.5"] };

  expect(await read(columns, EUR)).toEqual(["1250.00", "1250000.00"]);
  expect((await storedProducts(store.db)).map(({ cost }) => cost)).toEqual([125n, 50n]);
});

test.each<[string, Shop, Delimiter, string[], string[]]>([
  ["three decimals in each row", VND, ",", ["1.000", "6.000", "-2.000"], ["1.000", "6.000", "-2.000"]],
  ["a number below one", VND, ";", ["1.250", "0.500"], ["1.250", "0.500"]],
  ["a number below one at last", VND, ",", ["1,250", "40", "0,500"], ["1.250", "40.000", "0.500"]],
  ["fewer decimals", VND, ";", ["1.250", "12", "1.5"], ["1.250", "12.000", "1.500"]],
  ["the locale's comma, with semicolons", VND, ";", ["1,250", "850"], ["1.250", "850.000"]],
  ["the locale's comma, with tabs", VND, "\t", ["1,250", "850"], ["1.250", "850.000"]],
  ["the locale's point", USD, ",", ["1.250", "850"], ["1.250", "850.000"]],
  ["the locale's thousands", USD, "\t", ["1,250", "0.5"], ["1250.000", "0.500"]],
])("an unclear quantity is read by %s", async (_name, shop, delimiter, stock, expected) => {
  expect(await read({ stock }, shop, delimiter)).toEqual(expected);
});

test.each<[string, Shop, Delimiter, string[], string[]]>([
  ["grouped numbers", VND, ",", ["1.250", "1.250.000"], [unclear(2, "1.250", "1250 or 1.25")]],
  ["grouped numbers before it", VND, ",", ["1.250.000", "-1.250"], [unclear(3, "-1.250", "-1250 or -1.25")]],
  [
    "whole numbers",
    VND,
    ",",
    ["850", "1.250", "12.500"],
    [unclear(3, "1.250", "1250 or 1.25"), unclear(4, "12.500", "12500 or 12.5")],
  ],
  ["both conventions", VND, ";", ["1,250", "4.50", "4,50"], [unclear(2, "1,250", "1250 or 1.25")]],
  ["the separator of another locale", USD, ";", ["1,250"], [unclear(2, "1,250", "1250 or 1.25")]],
])("an unclear quantity is refused beside %s", async (_name, shop, delimiter, stock, expected) => {
  expect(await read({ stock }, shop, delimiter)).toEqual(expected);
});

test("another column decides about a quantity: against thousands, never for them", async () => {
  const stock = ["12.345", "40"];

  expect(await read({ stock: ["1.250", "2.500"], price: ["25.000", "1.250.000"] }, VND)).toEqual([
    unclear(2, "1.250", "1250 or 1.25"),
    unclear(3, "2.500", "2500 or 2.5"),
  ]);
  expect(await read({ stock, price: ["29000.00", "18000.50"] }, VND)).toEqual([
    '3: "18000.50" has more decimals than VND allows (0)',
  ]);
  expect(await read({ stock, price: ["29000.00", ""] }, VND)).toEqual(["12.345", "40.000"]);
});

test("more than twenty unclear numbers are counted", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => `P${i},Name,,25.000,,1,`);

  const refused = stockFrom(store.database, ["sku,name,category,price,cost,stock,reorder_level", ...rows].join("\n"));

  await expect(refused).rejects.toMatchObject({ faultCount: 30 });
});

test.each([
  ["25.000,00", "25000"],
  ["₫25.000,00", "25000"],
  ["25000 ₫", "25000"],
  ["25000\u00A0₫", "25000"],
  ["25000đ", "25000"],
  ["VND 25 000", "25000"],
  ["25\u00A0000", "25000"],
  ["25\u202F000", "25000"],
  ["1 250 000", "1250000"],
  ["25'000", "25000"],
  ["1’250’000", "1250000"],
  ["２５０００", "25000"],
  ["１，２５０，０００", "1250000"],
  ["1.250.000", "1250000"],
  ["1,250,000.00", "1250000"],
])("an amount may be written as %s", async (cell, expected) => {
  expect(await read({ price: [cell] }, VND)).toEqual([expected]);
});

test.each([
  ["-5", "-5.000"],
  ["5-", "-5.000"],
  ["(5)", "-5.000"],
  ["\u22125", "-5.000"],
  ["－５", "-5.000"],
  ["(1 250,5)", "-1250.500"],
  ["1'250.25-", "-1250.250"],
])("a quantity may be negative as in %s", async (cell, expected) => {
  expect(await read({ stock: [cell] }, VND)).toEqual([expected]);
});

test.each([
  "$4.50",
  "25.00.000",
  "1,25,000",
  "12 50",
  "1 250 00",
  "25k",
  "(5",
  "--5",
  "(-5)",
  "5²",
  "½",
  "1.250.000,",
  ".5",
  "5.",
  "1e3",
  "1.25E+06",
  "1.250,000,5",
  "1.250.000.5",
  "1,250.000,000",
  "₫",
  "-",
  `1${" ".repeat(60_000)}x`,
])("%s is no number", async (cell) => {
  const [fault] = await read({ price: [cell] }, VND);

  expect(fault).toMatch(/^2: .* is not a plain number such as 187000 or 4\.50$/);
});

test("a negative amount is refused however its minus is written", async () => {
  for (const cell of ["-₫5", "₫-5", "(₫5)", "5-", "5 ₫-", "(5)"]) {
    expect(await read({ price: [cell] }, VND)).toEqual([`2: "${cell}" is negative: only a quantity may be negative`]);
  }
});

test("sales are read by the column too, and a discount is compared with the settled total", async () => {
  const row = (receipt: string, price: string, discount: string) =>
    `${receipt},2026-11-14T09:31,A,2,${price},${discount}`;
  const unclearFirst = salesFile(row("N1", "25.000", "1.000"), row("N2", "1.250.000", "1.250.000"));
  const excessive = salesFile(
    row("N3", "25.000", "50001"),
    row("N4", "1.250.000", "2500001"),
    row("N5", "850", "1700"),
  );

  await sellFrom(store.database, unclearFirst, { shop: VND });
  expect((await storedLines(store.db)).map(({ unitPrice, discount, net }) => [unitPrice, discount, net])).toEqual([
    [25_000n, 1_000n, 49_000n],
    [1_250_000n, 1_250_000n, 1_250_000n],
  ]);
  expect(await faultsOf(sellFrom(store.database, excessive, { shop: VND }))).toEqual([
    "2 discount: is more than the line's total (quantity x unit_price)",
    "3 discount: is more than the line's total (quantity x unit_price)",
  ]);
});

/** How a program writes amounts: all of a column in the same way. */
interface Convention {
  decimal: "." | ",";
  thousands: string;
  decimals: "all" | "as needed";
  /** What stands around the number; `#` is the number. */
  pattern: string;
}

const conventions = fc
  .record<Convention>({
    decimal: fc.constantFrom(".", ","),
    thousands: fc.constantFrom("", ".", ",", " ", "\u00A0", "\u202F", "'", "’"),
    decimals: fc.constantFrom("all", "as needed"),
    pattern: fc.constantFrom("#", "# CODE", "CODE #", "#\u00A0CODE"),
  })
  .filter(({ decimal, thousands }) => decimal !== thousands);

const shops = fc
  .tuple(
    fc.constantFrom("vi-VN", "en-US", "de-DE", "fr-FR", "de-CH", "ja-JP", "pl-PL"),
    fc.constantFrom("VND", "JPY", "USD", "EUR", "KWD"),
  )
  .map(([locale, currency]) => shopOf(locale, currency));

/** In minor units. Round ones are frequent, as in shops. */
const amounts = fc.oneof(
  fc.integer({ min: 0, max: 9_999 }),
  fc.integer({ min: 0, max: 9_999 }).map((amount) => amount * 500),
  fc.integer({ min: 0, max: 9_000 }).map((amount) => amount * 1_000_000),
);

/** Writes minor units by a convention. It knows nothing of the code under test. */
function write(minor: number, convention: Convention, currency: string): string {
  const digits = currencyDecimals(currency);
  const whole = String(Math.floor(minor / 10 ** digits)).replace(/\B(?=(\d{3})+$)/g, convention.thousands);
  const fraction = digits === 0 ? "" : String(minor % 10 ** digits).padStart(digits, "0");
  const shown = convention.decimals === "all" ? fraction : fraction.replace(/0+$/, "");
  return convention.pattern
    .replace("#", shown ? `${whole}${convention.decimal}${shown}` : whole)
    .replace("CODE", currency);
}

test("a column in any convention is read as it was meant, or refused: never as other amounts", async () => {
  let readCount = 0;
  const table = fc.record({
    shop: shops,
    convention: conventions,
    delimiter: fc.constantFrom<Delimiter[]>(",", ";", "\t"),
    values: fc.array(amounts, { minLength: 1, maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(table, async ({ shop, convention, delimiter, values }) => {
      await store.db.delete(products);
      const price = values.map((value) => write(value, convention, shop.currency));

      const outcome = await read({ price }, shop, delimiter);

      if (outcome.some((text) => / is ambiguous: write /.test(text))) return;
      readCount += 1;
      expect(outcome).toEqual(values.map((value) => minorToDecimal(BigInt(value), shop.currency)));
    }),
    { numRuns: 300 },
  );
  // A reader that refuses everything would pass otherwise.
  expect(readCount).toBeGreaterThan(150);
});
