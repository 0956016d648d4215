/**
 * A sales file: `receipt,sold_at,sku,quantity,unit_price,discount`, one row for each line of a receipt.
 *
 * A receipt of the file replaces the stored receipt as a whole; an identical stored receipt is not touched. Stock does not
 * change. `save-receipts.ts` has the SQL that compares and writes.
 */
import { randomUUIDv7 } from "node:crypto";
import { max, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import { lineAmount, quantityText } from "../../shop/money.ts";
import type { Database } from "../client.ts";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import { products, sales } from "../schema/index.ts";
import { type LineConflict, MAX_NAMED_FAULTS } from "./import-error.ts";
import {
  type ImportOptions,
  type ImportSummary,
  recordImport,
  runImport,
  type StagedFile,
  type Staging,
} from "./import-run.ts";
import { createNumberReader } from "./number-cells.ts";
import { compareReceipts, saveReceipts } from "./save-receipts.ts";
import { readKey } from "./text-cells.ts";
import { createTimeReader } from "./time-cells.ts";

const COLUMNS = ["receipt", "sold_at", "sku", "quantity", "unit_price", "discount"] as const;
type SaleColumn = (typeof COLUMNS)[number];

/** How many products one INSERT takes: far below the protocol's 65,534 parameters. */
const PRODUCTS_PER_STATEMENT = 1_000;

export interface SalesImportSummary extends ImportSummary {
  /** Receipts in the file. */
  receiptCount: number;
  /** The newest stored sale, from this file or another one. */
  salesThrough: Date;
}

/** Imports the whole sales file or nothing. @throws {ImportError} naming its faults. */
export function importSales(database: Database, options: ImportOptions): Promise<SalesImportSummary> {
  return runImport(database, { staging: stageSales(options), options }, (file) => save(file, options));
}

function stageSales({ shop, now }: ImportOptions): Staging<SaleColumn> {
  const { amount, quantity: readQuantity } = createNumberReader(shop);
  const readTime = createTimeReader(shop.timeZone, now);
  const saleIdOf = createSaleIds();
  return {
    layout: { kind: "sales", columns: COLUMNS },
    target: { table: "staged_lines", columns: ["line", "line_id", "sale_id", ...COLUMNS] },
    create: sql`create temporary table staged_lines (
      line integer, line_id uuid, sale_id uuid, receipt text, sold_at timestamptz, sku text,
      quantity numeric(12, 3), unit_price bigint, discount bigint
    ) on commit drop`,
    toRow(row, cells) {
      const receipt = cells.required(row, "receipt", readKey);
      const soldAt = cells.required(row, "sold_at", readTime);
      const sku = cells.required(row, "sku", readKey);
      const quantity = cells.required(row, "quantity", (cell) => notZero(readQuantity(cell, row.delimiter)));
      const price = cells.required(row, "unit_price", amount);
      const discount = cells.optional(row, "discount", amount, 0n);
      if (receipt === undefined || soldAt === undefined || sku === undefined) return undefined;
      if (quantity === undefined || price === undefined || discount === undefined) return undefined;
      const total = lineAmount(quantity < 0n ? -quantity : quantity, price);
      if (discount > total)
        return cells.reject(row, "discount", "is more than the line's total (quantity x unit_price)");
      const keys = [String(row.line), randomUUIDv7(), saleIdOf(receipt), receipt, new Date(soldAt).toISOString(), sku];
      return [...keys, quantityText(quantity), price.toString(), discount.toString()];
    },
  };
}

function notZero(quantity: bigint): bigint {
  if (quantity === 0n) throw new BadInputError("is 0: remove the row");
  return quantity;
}

/** An id for the receipt of each row. Only the id of a receipt's first row is used, so consecutive rows share theirs. */
function createSaleIds(): (receipt: string) => string {
  let last: { receipt: string; id: string } | undefined;
  return (receipt) => {
    if (last?.receipt !== receipt) last = { receipt, id: randomUUIDv7() };
    return last.id;
  };
}

async function save(file: StagedFile, options: ImportOptions): Promise<SalesImportSummary> {
  const { tx, faults } = file;
  // Autovacuum does not analyze temporary tables.
  await tx.execute(sql`analyze staged_lines`);
  faults.addConflicts(await findDifferingTimes(tx), (firstLine) => ({
    column: "sold_at",
    reason: `differs from line ${firstLine}, which has the same receipt`,
  }));
  faults.throwIfAny();
  await file.beginComparing();
  const newProducts = await addUnknownProducts(tx, options.now);
  const { receiptCount, changedCount, dataThrough } = await compareReceipts(tx);
  const summary = await recordImport(file, options, { kind: "sales", changedCount, dataThrough });
  if (changedCount > 0) {
    file.beginSaving();
    await saveReceipts(tx, summary.importId);
  }
  const [stored] = await tx.select({ through: max(sales.soldAt) }).from(sales);
  return { ...summary, newProducts, receiptCount, salesThrough: stored?.through ?? dataThrough };
}

function findDifferingTimes(tx: Transaction) {
  return tx.execute<LineConflict>(sql`
    with clashing as (
      select receipt from staged_lines group by receipt having min(sold_at) <> max(sold_at)
    ), with_first as (
      select line, sold_at, first_value(line) over receipt_lines as first_line,
        first_value(sold_at) over receipt_lines as first_sold_at
      from staged_lines join clashing using (receipt)
      window receipt_lines as (partition by receipt order by line)
    )
    select line, first_line as "firstLine", count(*) over () as total
    from with_first where sold_at <> first_sold_at
    order by line limit ${MAX_NAMED_FAULTS}`);
}

/** Adds an inactive product for each unknown SKU, with the SKU as its name. Returns these SKUs, sorted. */
async function addUnknownProducts(tx: Transaction, now: Date): Promise<string[]> {
  const unknown = await tx.execute<{ sku: string }>(sql`
    select distinct sku from staged_lines as staged
    where not exists (select from ${products} where ${products.sku} = staged.sku)
    order by sku`);
  const skus = unknown.map(({ sku }) => sku);
  for (let start = 0; start < skus.length; start += PRODUCTS_PER_STATEMENT) {
    const batch = skus.slice(start, start + PRODUCTS_PER_STATEMENT);
    await tx
      .insert(products)
      .values(batch.map((sku) => ({ sku, name: sku, active: false, createdAt: now, updatedAt: now })));
  }
  return skus;
}
