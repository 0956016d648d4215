/** Imports files given as text, and reads what is stored afterwards. */
import { asc, eq } from "drizzle-orm";
import type { Database, Db } from "../../../src/db/client.ts";
import { ImportError } from "../../../src/db/import/import-error.ts";
import { importProducts } from "../../../src/db/import/import-products.ts";
import type { ImportOptions } from "../../../src/db/import/import-run.ts";
import { importSales } from "../../../src/db/import/import-sales.ts";
import { imports, products, saleLines, sales } from "../../../src/db/schema/index.ts";
import type { Shop } from "../../../src/shop/shop.ts";

export const NOW = new Date("2026-11-22T03:00:00Z");

/** The shop of the default settings. */
const HANOI: Shop = { name: "Xi Pho Coffee", timeZone: "Asia/Ho_Chi_Minh", currency: "VND", locale: "vi-VN" };
export const NEW_YORK: Shop = { name: "Corner", timeZone: "America/New_York", currency: "USD", locale: "en-US" };

const PRODUCTS_HEADER = "sku,name,category,price,cost,stock,reorder_level";
export const SALES_HEADER = "receipt,sold_at,sku,quantity,unit_price,discount";

/** The file to import: text, bytes, or a stream of bytes. */
export type Content = string | Uint8Array | AsyncIterable<Uint8Array>;

function optionsFor(content: Content, options: Partial<ImportOptions> = {}): ImportOptions {
  const source = typeof content === "string" || content instanceof Uint8Array ? once(content) : content;
  return { source, fileName: "file.csv", importedBy: "tester", shop: HANOI, now: NOW, ...options };
}

export function sellFrom(database: Database, content: Content, options: Partial<ImportOptions> = {}) {
  return importSales(database, optionsFor(content, options));
}

export function stockFrom(database: Database, content: Content, options: Partial<ImportOptions> = {}) {
  return importProducts(database, optionsFor(content, options));
}

/** A sales file with these rows below the header. */
export function salesFile(...rows: string[]): string {
  return [SALES_HEADER, ...rows, ""].join("\n");
}

export function productsFile(...rows: string[]): string {
  return [PRODUCTS_HEADER, ...rows, ""].join("\n");
}

/** The faults of an import that must fail, as `line column: reason`. */
export async function faultsOf(attempt: Promise<unknown>): Promise<string[]> {
  const error = await expectImportError(attempt);
  return error.faults.map(({ line, column, reason }) => `${line} ${column}: ${reason}`);
}

export async function expectImportError(attempt: Promise<unknown>): Promise<ImportError> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof ImportError) return error;
  throw error ?? new Error("the file was imported and should have been rejected");
}

/** Every stored line with its receipt and ids, in order. */
export function storedLines(db: Db) {
  return db
    .select({
      receipt: sales.receipt,
      saleId: sales.id,
      soldAt: sales.soldAt,
      importId: sales.importId,
      lineId: saleLines.id,
      sku: products.sku,
      quantity: saleLines.quantity,
      unitPrice: saleLines.unitPrice,
      discount: saleLines.discount,
      unitCost: saleLines.unitCost,
      gross: saleLines.grossAmount,
      net: saleLines.netAmount,
      cost: saleLines.costAmount,
    })
    .from(saleLines)
    .innerJoin(sales, eq(sales.id, saleLines.saleId))
    .innerJoin(products, eq(products.id, saleLines.productId))
    .orderBy(asc(sales.receipt), asc(saleLines.position));
}

export function storedProducts(db: Db) {
  return db.select().from(products).orderBy(asc(products.sku));
}

export function storedImports(db: Db) {
  return db.select().from(imports).orderBy(asc(imports.completedAt));
}

async function* once(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield typeof content === "string" ? Buffer.from(content) : content;
}
