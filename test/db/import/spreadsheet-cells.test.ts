import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  faultsOf,
  productsFile,
  salesFile,
  sellFrom,
  stockFrom,
  storedImports,
  storedProducts,
} from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());

test.each(["8.93505E+12", "8,93505E+12", "8.93505e+12", "1E+05", "9E+15", "893.505E+10", "-8.93505E+012"])(
  "a code that a spreadsheet shortened is refused: %s",
  async (code) => {
    const reason = `"${code}" lost digits, because the spreadsheet shortened a long number: format the column as text`;

    const inStock = await faultsOf(stockFrom(store.database, productsFile(`"${code}",Latte,,,,1,`)));
    const inSales = await faultsOf(
      sellFrom(store.database, salesFile(`A-1,2026-11-14T09:31,"${code}",1,1,`, `"${code}",2026-11-14T09:31,TEA,1,1,`)),
    );

    expect(inStock).toEqual([`2 sku: ${reason}`]);
    expect(inSales).toEqual([`2 sku: ${reason}`, `3 receipt: ${reason}`]);
    expect(await storedImports(store.db)).toEqual([]);
  },
);

test("codes with an E of their own are taken, and digits are kept as they are", async () => {
  const codes = ["1E5", "2E10", "2e10", "E+12", "1.5E", "A1E+05", "1E-05", "0012345", "8935050000000123", "#1", "# 2"];

  await stockFrom(store.database, productsFile(...codes.map((code) => `${code},Name,,,,1,`)));

  expect(new Set((await storedProducts(store.db)).map(({ sku }) => sku))).toEqual(new Set(codes));
});

test.each(["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#ERROR!", "#ref!", "Err:502"])(
  "%s is refused in every column",
  async (cell) => {
    const stock = await faultsOf(stockFrom(store.database, productsFile(Array(7).fill(cell).join(","))));
    const sold = await faultsOf(sellFrom(store.database, salesFile(Array(6).fill(cell).join(","))));

    const reason = `"${cell}" is an error of the spreadsheet: correct its formula`;
    expect(stock).toEqual(
      ["sku", "name", "category", "price", "cost", "stock", "reorder_level"].map((column) => `2 ${column}: ${reason}`),
    );
    expect(sold).toEqual(
      ["receipt", "sold_at", "sku", "quantity", "unit_price", "discount"].map((column) => `2 ${column}: ${reason}`),
    );
  },
);

test("a cell that was too narrow for its number is refused", async () => {
  const faults = await faultsOf(stockFrom(store.database, productsFile("########,Latte,,##,,1,")));

  expect(faults).toEqual([
    '2 sku: "########" is what a spreadsheet shows in a narrow column: widen it',
    '2 price: "##" is what a spreadsheet shows in a narrow column: widen it',
  ]);
});

test("codes that differ only in the number of spaces are refused", async () => {
  const faults = await faultsOf(stockFrom(store.database, productsFile("AB 1,Latte,,,,1,", "AB  1,Latte,,,,1,")));

  expect(faults).toEqual(['3 sku: "AB  1" has two spaces in a row, which look like one: keep one']);
});
