import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  expectImportError,
  faultsOf,
  NEW_YORK,
  productsFile,
  SALES_HEADER,
  salesFile,
  sellFrom,
  stockFrom,
  storedImports,
  storedLines,
} from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());

async function linesOf(receipt: string) {
  return (await storedLines(store.db)).filter((line) => line.receipt === receipt);
}

test("a byte order mark, semicolons, CRLF, quotes, blank lines and any order of columns are accepted", async () => {
  const header = ' Unit Price ;SKU;sold_at;"Receipt";note;DISCOUNT;quantity';
  const rows = [
    '45000;A;2026-11-14T09:31;"S1";"two; or\r\nthree";;1',
    "",
    "45000;A;2026-11-14T09:31;S1;;500;2",
    ";;;;;;",
    "",
  ];
  const file = `\uFEFF${[header, ...rows, ""].join("\r\n")}`;

  const summary = await sellFrom(store.database, file);

  expect(summary).toMatchObject({ rowCount: 2, receiptCount: 1, ignoredColumns: ["note"] });
  expect(await linesOf("S1")).toMatchObject([
    { sku: "A", quantity: "1.000", unitPrice: 45000n, discount: 0n },
    { sku: "A", quantity: "2.000", unitPrice: 45000n, discount: 500n },
  ]);
});

test("tabs work as delimiters, and a line break within quotes does not shift line numbers", async () => {
  const file = [SALES_HEADER, 'T1,2026-11-14T09:31,"A\r\nB",1,1,', "", "T1,2026-11-14T09:31,A,x,1,"];

  const faults = await faultsOf(sellFrom(store.database, file.join("\r\n").replaceAll(",", "\t")));

  expect(faults).toEqual([
    '2 sku: "A\\r\\nB" contains U+000D (line break) at position 2, which is invisible: type it again',
    '5 quantity: "x" is not a plain number such as 187000 or 4.50',
  ]);
});

test("a locale's decimal comma is read, and thousands separators where they are not ambiguous", async () => {
  const vietnam = { shop: { ...NEW_YORK, locale: "vi-VN" } };
  const file = salesFile("D1,2026-11-14T09:31,A,1,4,50,0,25", "D1,2026-11-14T09:31,A,1,1.187,50,0").replace(
    /,(?=50|25)/g,
    "§",
  );

  await sellFrom(store.database, file.replaceAll(",", ";").replaceAll("§", ","), vietnam);

  expect(await linesOf("D1")).toMatchObject([
    { unitPrice: 450n, discount: 25n },
    { unitPrice: 118_750n, discount: 0n },
  ]);
});

test.each([
  ["187.000", "187000 or 187"],
  ["187,000", "187000 or 187"],
  ["1.500", "1500 or 1.5"],
])("the amount %s in a vi-VN file is ambiguous and rejected", async (cell, readings) => {
  const file = salesFile(`X1;2026-11-14T09:31;A;1;${cell};`).replace(SALES_HEADER, SALES_HEADER.replaceAll(",", ";"));

  const faults = await faultsOf(sellFrom(store.database, file));

  expect(faults).toEqual([`2 unit_price: "${cell}" is ambiguous: write ${readings}`]);
});

test("a quantity's three decimals follow the file: a point with commas, a comma with semicolons", async () => {
  const point = salesFile("Q1,2026-11-14T09:31,A,1.250,1000,");
  const comma = salesFile("Q2,2026-11-14T09:31,A,1§250,1000,").replaceAll(",", ";").replace("§", ",");
  const other = salesFile("Q3,2026-11-14T09:31,A,1.250,1000,").replaceAll(",", ";");

  await sellFrom(store.database, point);
  await sellFrom(store.database, comma);
  const faults = await faultsOf(sellFrom(store.database, other));

  expect([...(await linesOf("Q1")), ...(await linesOf("Q2"))].map(({ quantity }) => quantity)).toEqual([
    "1.250",
    "1.250",
  ]);
  expect(faults).toEqual(['2 quantity: "1.250" is ambiguous: write 1250 or 1.25']);
});

test.each([
  [
    "UTF-16 with its mark",
    Buffer.from(`\uFEFF${salesFile("U,2026-11-14T09:31,A,1,1,")}`, "utf16le"),
    /^1 : the file is UTF-16/,
  ],
  ["UTF-16 without it", Buffer.from(salesFile("U,2026-11-14T09:31,A,1,1,"), "utf16le"), /^1 : .*perhaps UTF-16/],
  [
    "Latin-1",
    Buffer.from(salesFile("U,2026-11-14T09:31,A,1,1,", "Cà phê"), "latin1"),
    /^3 : .*Latin-1.*save it as "CSV UTF-8"/,
  ],
  ["a workbook", Buffer.from("PK\x03\x04rest of the archive\n"), /^1 : this is an Excel/],
])("%s is rejected with how to save it", async (_name, content, expected) => {
  const faults = await faultsOf(sellFrom(store.database, content));

  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(expected);
});

test.each([
  ["an empty file", "", "1 : the file is empty"],
  ["blank lines only", "\n \n\n", "1 : the file is empty"],
  ["a header alone", `${SALES_HEADER}\n`, "1 : there are no rows below the header"],
])("%s is rejected", async (_name, content, fault) => {
  const faults = await faultsOf(sellFrom(store.database, content));

  expect(faults).toEqual([fault]);
});

test("missing and repeated columns are named", async () => {
  const missing = await faultsOf(sellFrom(store.database, "receipt,sku,quantity\nR,A,1\n"));
  const twice = await faultsOf(sellFrom(store.database, `${SALES_HEADER},SKU\n`));

  expect(missing).toEqual([
    `1 : the header is missing sold_at, unit_price, discount; a sales file has the columns ${SALES_HEADER}`,
  ]);
  expect(twice).toEqual(['1 : the header has the column "sku" twice']);
});

test("a row may lack its empty last cells, and the header and rows may end in empty cells", async () => {
  const short = salesFile("E1,2026-11-14T09:31,A,1,1", "E1,2026-11-14T09:31,A,2,1,1", "E1,2026-11-14T09:31,A,3,1,,,,");
  const wide = salesFile("E2,2026-11-14T09:31,A,1,1", "E2,2026-11-14T09:31,A,2,1,1,,").replace(
    SALES_HEADER,
    `${SALES_HEADER},, `,
  );

  await sellFrom(store.database, short);
  const { ignoredColumns } = await sellFrom(store.database, wide);
  await stockFrom(store.database, productsFile("E3,Name,,,,4"));

  expect([...(await linesOf("E1")), ...(await linesOf("E2"))].map(({ discount }) => discount)).toEqual([
    0n,
    1n,
    0n,
    0n,
    1n,
  ]);
  expect(ignoredColumns).toEqual([]);
});

test("a row that lacks a required cell names its column", async () => {
  const sold = await faultsOf(sellFrom(store.database, salesFile("R,2026-11-14T09:31,A,1", "R,2026-11-14T09:31")));
  const stocked = await faultsOf(stockFrom(store.database, productsFile("A,Name,,1")));

  expect(sold).toEqual(["2 unit_price: is empty", "3 sku: is empty", "3 quantity: is empty", "3 unit_price: is empty"]);
  expect(stocked).toEqual(["2 stock: is empty"]);
});

test("too many cells, an unclosed quote and a NUL are reported", async () => {
  const file = salesFile("R,2026-11-14T09:31,A,1,4,50,0", "R,2026-11-14T09:31,A,1,1,,,1");
  const cells = await faultsOf(sellFrom(store.database, file));
  const wide = await faultsOf(sellFrom(store.database, file.replace(SALES_HEADER, `${SALES_HEADER},,`)));
  const quote = await faultsOf(
    sellFrom(store.database, salesFile("R,2026-11-14T09:31,A,1,1,", '"R,2026-11-14T09:31,A,1,1,')),
  );
  const padding = Array.from({ length: 200 }, (_, i) => `P${i},2026-11-14T09:31,A,1,1,`);
  const nul = await faultsOf(sellFrom(store.database, salesFile(...padding, "R\0,2026-11-14T09:31,A,1,1,")));

  expect(cells).toEqual([
    "2 : the row has 7 cells, but the header has 6: put quotes around a cell that contains the separator",
    "3 : the row has 8 cells, but the header has 6: put quotes around a cell that contains the separator",
  ]);
  expect(wide).toEqual(cells);
  expect(quote).toEqual(['3 : this row opens a quote (") that is never closed']);
  expect(nul).toEqual([
    '202 receipt: "R\\u0000" contains U+0000 (control character) at position 2, which is invisible: type it again',
  ]);
});

test("twenty faults are named and the others counted", async () => {
  const rows = Array.from({ length: 332 }, (_, i) => `R${i},2026-11-14T09:31,A,nothing,1,`);

  const error = await expectImportError(sellFrom(store.database, salesFile(...rows)));

  expect(error.faultCount).toBe(332);
  expect(error.faults.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  expect(error.message).toMatch(/^Nothing was imported from file\.csv:\n {2}line 2, quantity: /);
  expect(error.message).toMatch(/\n {2}and 312 more$/);
});

test("faults of the whole file are sorted by line among those of single cells, and counted too", async () => {
  const doubles = Array.from({ length: 25 }, () => "A,Name,,,,1,");

  const error = await expectImportError(stockFrom(store.database, productsFile(...doubles, "B,Name,,,,x,")));

  expect(error.faultCount).toBe(25);
  expect(error.faults.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 3));
});

test("an error while reading the file stores nothing, and the connection stays usable", async () => {
  const before = await storedImports(store.db);
  async function* failingSource() {
    yield Buffer.from(salesFile("B1,2026-11-14T09:31,A,1,1,"));
    await pause(1);
    throw new Error("the disk is gone");
  }

  await expect(sellFrom(store.database, failingSource())).rejects.toThrow("the disk is gone");

  expect(await linesOf("B1")).toEqual([]);
  expect(await storedImports(store.db)).toEqual(before);
});

test("a file read byte by byte is the same file", async () => {
  const file = `\uFEFF${salesFile('C1,2026-11-14T09:31,"Cà ""phê""",1,1,')}`.replaceAll("\n", "\r\n");
  async function* bytes() {
    for (const byte of Buffer.from(file)) yield Uint8Array.of(byte);
  }

  await sellFrom(store.database, bytes());

  expect(await linesOf("C1")).toMatchObject([{ sku: 'Cà "phê"' }]);
});

test("progress reports the bytes and rows read, and each phase", async () => {
  const rows = Array.from({ length: 3_000 }, (_, i) => `G${i},2026-11-14T09:31,A,1,1,`);
  const seen: { phase: string; bytesRead: number; rows: number; totalBytes?: number }[] = [];
  const file = Buffer.from(salesFile(...rows));

  await sellFrom(store.database, file, { totalBytes: file.length, onProgress: (progress) => seen.push(progress) });

  const phases = new Set(seen.map(({ phase }) => phase));
  expect([...phases]).toEqual(["reading", "checking", "waiting", "comparing", "saving"]);
  expect(seen.at(-1)).toEqual({ phase: "saving", bytesRead: file.length, rows: 3_000, totalBytes: file.length });
});
