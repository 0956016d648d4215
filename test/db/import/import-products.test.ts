import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { faultsOf, NEW_YORK, NOW, productsFile, stockFrom, storedImports, storedProducts } from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());
beforeEach(async () => {
  for (const table of [saleLines, sales, imports, products]) await store.db.delete(table);
});

test("a products file sets every column, and an empty cell means unknown", async () => {
  const file = productsFile("OAT,Sữa yến mạch 1 L,Sữa,65000,42000,0,6", "CAKE,Bánh mì,,,,12.5,");

  const summary = await stockFrom(store.database, file);

  expect(summary).toMatchObject({
    rowCount: 2,
    changedCount: 2,
    unchanged: false,
    newProducts: ["CAKE", "OAT"],
    dataThrough: NOW,
  });
  expect(await storedProducts(store.db)).toMatchObject([
    {
      sku: "CAKE",
      name: "Bánh mì",
      category: null,
      price: null,
      cost: null,
      stock: "12.500",
      reorderLevel: "0.000",
      active: true,
    },
    { sku: "OAT", category: "Sữa", price: 65000n, cost: 42000n, stock: "0.000", reorderLevel: "6.000", active: true },
  ]);
});

test("an import is recorded with user, times, file hash, row counts and the time it covers", async () => {
  const file = productsFile("A,Trà đào,,,,1,");

  const { importId } = await stockFrom(store.database, file, { fileName: "stock.csv", importedBy: "lan" });

  expect(await storedImports(store.db)).toMatchObject([
    {
      id: importId,
      kind: "products",
      fileName: "stock.csv",
      importedBy: "lan",
      rowCount: 1,
      changedCount: 1,
      startedAt: NOW,
      dataThrough: NOW,
    },
  ]);
  const { createHash } = await import("node:crypto");
  expect((await storedImports(store.db))[0]?.fileHash).toBe(createHash("sha256").update(file).digest("hex"));
});

test("a second file updates and activates the products in it, and does not change others", async () => {
  await stockFrom(store.database, productsFile("A,One,,,,1,", "B,Two,,,,2,"));
  await store.db.update(products).set({ active: false });

  const summary = await stockFrom(store.database, productsFile("A,One,,30000,,5,2", "C,Three,,,,0,"));

  expect(summary).toMatchObject({ changedCount: 2, newProducts: ["C"] });
  expect((await storedProducts(store.db)).map(({ sku, stock, active }) => [sku, stock, active])).toEqual([
    ["A", "5.000", true],
    ["B", "2.000", false],
    ["C", "0.000", true],
  ]);
});

test("importing the same products file again changes no row", async () => {
  const file = productsFile("A,One,Drinks,30000,10000,1,2", "B,Two,,,,2,");
  await stockFrom(store.database, file);
  const before = await storedProducts(store.db);

  const summary = await stockFrom(store.database, file, { now: new Date(NOW.getTime() + 60_000) });

  expect(summary).toMatchObject({ changedCount: 0, unchanged: true, newProducts: [] });
  expect(await storedProducts(store.db)).toEqual(before);
  expect(await storedImports(store.db)).toHaveLength(2);
});

test("a repeated SKU is rejected with both lines", async () => {
  const file = productsFile("A,One,,,,1,", "B,Two,,,,2,", "A,Again,,,,3,", "A,And again,,,,3,");

  const faults = await faultsOf(stockFrom(store.database, file));

  expect(faults).toEqual(["4 sku: repeats the SKU of line 2", "5 sku: repeats the SKU of line 2"]);
});

test("each bad cell is named by line and column, all at once, and nothing is stored", async () => {
  const file = productsFile("GOOD,Good,,1000,,1,", ",No SKU,,,,1,", "B,,,-5,1E+05,,-1", "C,Cost,,12.5,,many,0.0005");

  const faults = await faultsOf(stockFrom(store.database, file));

  expect(faults).toEqual([
    "3 sku: is empty",
    "4 name: is empty",
    '4 price: "-5" is negative: only a quantity may be negative',
    '4 cost: "1E+05" is not a plain number such as 187000 or 4.50',
    "4 stock: is empty",
    "4 reorder_level: is negative",
    '5 price: "12.5" has more decimals than VND allows (0)',
    '5 stock: "many" is not a plain number such as 187000 or 4.50',
    '5 reorder_level: "0.0005" has more decimals than a quantity allows (3)',
  ]);
  expect(await storedProducts(store.db)).toEqual([]);
  expect(await storedImports(store.db)).toEqual([]);
});

test("amounts are stored in the currency's minor unit", async () => {
  const file = productsFile('A,Latte,,4.5,"1,187.05",1,');

  await stockFrom(store.database, file, { shop: NEW_YORK });

  expect(await storedProducts(store.db)).toMatchObject([{ price: 450n, cost: 118705n }]);
});
