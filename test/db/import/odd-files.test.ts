/** Files whose cells are not what they seem: they are refused, so that no figure is wrong without a word. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  expectImportError,
  NEW_YORK,
  productsFile,
  SALES_HEADER,
  salesFile,
  sellFrom,
  stockFrom,
  storedLines,
} from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());
beforeEach(async () => {
  for (const table of [saleLines, sales, imports, products]) await store.db.delete(table);
});

const AT = "2026-11-14T09:31";
const EUR = { ...NEW_YORK, currency: "EUR", locale: "de-DE" };
const refusedSales = (file: string, options = {}) => expectImportError(sellFrom(store.database, file, options));
const refusedProducts = (file: string) => expectImportError(stockFrom(store.database, file));

test("a separator inside a price shifts the row, and its empty last cell hides it: 25,000 is 25 dong", async () => {
  await refusedSales(salesFile(`R1,${AT},A,1,25,000,`, `R2,${AT},A,1,18000,0`));
});

test("4,50 is 4 euros with a discount of 50", async () => {
  await refusedSales(salesFile(`R1,${AT},A,20,4,50,`, `R2,${AT},A,1,3,0`), { shop: EUR });
});

test("every row is 12,05,: twelve euros with a discount of five", async () => {
  await refusedSales(salesFile(`R1,${AT},A,1,12,05,`, `R2,${AT},A,1,8,02,`), { shop: EUR });
});

test.each([
  ["Coffee, iced", ""],
  ["“Big, mug”", ""],
  ["Coffee, iced", ",,"],
])("a separator inside the name %s (header ends in %s): the cost is the stock", async (name, end) => {
  await refusedProducts(
    productsFile(`A,${name},,29000,9000,40,${end}`, `B,Tea,Drinks,20000,5000,10,5${end}`).replace(
      "reorder_level",
      `reorder_level${end}`,
    ),
  );
});

test("a short row whose price was split: 25 dong with a discount of 000", async () => {
  await refusedSales(salesFile(`R1,${AT},A,1,25,000`, `R2,${AT},A,1,18000,500`));
});

test("a file that ends in the middle of its last row", async () => {
  const { faults } = await refusedSales(`${SALES_HEADER}\nR1,${AT},A,1,25000,0\nR2,${AT},A,1,25`);
  expect(faults).toEqual([{ line: 3, column: "", reason: expect.stringMatching(/^the file ends in the middle/) }]);
});

test("daily numbers, open past midnight: another day's 0087 does not replace the one of 00:30", async () => {
  await sellFrom(store.database, salesFile("0087,2026-11-15T00:30,BEER,2,50000,"), { receiptNumbers: "daily" });
  await sellFrom(store.database, salesFile("0087,2026-11-15T20:00,WINE,1,90000,")).catch(() => {});

  expect((await storedLines(store.db)).map(({ sku }) => sku)).toContain("BEER");
});

test("a second till's 0001 of the same day does not replace the first till's in silence", async () => {
  await sellFrom(store.database, salesFile("0001,2026-11-14T09:00,BEER,2,50000,"));
  await sellFrom(store.database, salesFile("0001,2026-11-14T15:05,WINE,1,90000,")).catch(() => {});

  expect((await storedLines(store.db)).map(({ sku }) => sku)).toContain("BEER");
});

test("an unescaped quote in a column nobody reads swallows the receipts up to the next one", async () => {
  const file = `${SALES_HEADER},note\nR1,${AT},A,1,1000,,"no sugar\nR2,${AT},A,1,2000,,x\nR3,${AT},A,1,3000,,12"\nR4,${AT},A,1,4000,,\n`;
  await sellFrom(store.database, file).catch(() => {});

  // All or nothing.
  expect([0, 4]).toContain((await storedLines(store.db)).length);
});

test("an unescaped quote swallows products into a name", async () => {
  await refusedProducts(productsFile('S1,"Big mug,cat,1,1,1,1', "S2,Tea,c,1,1,1,1", 'S3,Cup 12",cat,1,1,1,1'));
});

test.each(["8.93505E12", "8.93505e12", "8.93505 E+12", "8٫93505E+12", "12345.5E+10", "'8.93505E+12", '="8.93505E+12"'])(
  "a shortened code in another spelling: %s",
  async (code) => {
    const cell = `"${code.replaceAll('"', '""')}"`;
    await refusedSales(salesFile(`R1,${AT},${cell},1,29000,`, `R2,${AT},${cell},1,45000,`));
  },
);

test.each(["#NV", "#N/D", "#BEZUG!", "#WERT!", "#VALEUR!", "#¡REF!", "#NOME?", "#Н/Д", "Fehler:502"])(
  "an error of a spreadsheet in another language as a code: %s",
  async (code) => {
    await refusedSales(salesFile(`R1,${AT},${code},1,29000,`, `R2,${AT},${code},1,45000,`));
  },
);

test.each(['="1001"', "'1001"])("a receipt is not stored again as %s", async (code) => {
  await sellFrom(store.database, salesFile(`1001,${AT},A,1,1000,`));
  await sellFrom(store.database, salesFile(`"${code.replaceAll('"', '""')}",${AT},A,1,1000,`)).catch(() => {});

  expect(await storedLines(store.db)).toHaveLength(1);
});

test("a huge cell in a column nobody reads is not called an unclosed quote", async () => {
  const { message } = await refusedSales(`${SALES_HEADER},note\nR1,${AT},A,1,1000,,${"x".repeat(70_000)}\n`);
  expect(message).not.toContain("never closed");
});

test("Indian grouping is a number in an Indian shop", async () => {
  await stockFrom(store.database, productsFile('A,Tea,,"₹1,25,000.00",,1,'), {
    shop: { ...NEW_YORK, currency: "INR", locale: "en-IN" },
  });
});

test("empty cells beyond the header, line breaks in a note and a short row without a line end are taken", async () => {
  const note = '"Tran Hung Dao 1, Hue,\nring twice, please"';
  await sellFrom(
    store.database,
    `${SALES_HEADER},note\nR1,${AT},A,1,1000,0,${note}\nR2,${AT},A,1,1000,,,,\nR3,${AT},A,1,1000\nR4,${AT},A,1,1000`,
  );

  expect(await storedLines(store.db)).toHaveLength(4);
});
