/**
 * A sales file: `receipt,sold_at,sku,quantity,unit_price,discount`, one row for each line of a receipt.
 *
 * A receipt of the file replaces the stored receipt of the same day as a whole; an identical one is not touched. One of another
 * day is never replaced (`receipt-conflicts.ts`). Stock does not change. `save-receipts.ts` has the SQL that compares and writes.
 */
import { randomUUIDv7 } from "node:crypto";
import { max, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import { quantityText } from "../../shop/money.ts";
import type { Database } from "../client.ts";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import { products, sales } from "../schema/index.ts";
import { MAX_NAMED_FAULTS } from "./import-error.ts";
import {
  type ImportOptions,
  type ImportSummary,
  recordImport,
  runImport,
  type StagedFile,
  type Staging,
} from "./import-run.ts";
import { createNumberColumns } from "./number-columns.ts";
import {
  addConflictsOfDays,
  addConflictsOfTimes,
  addOtherSales,
  addStoredConflicts,
  collectClashes,
} from "./receipt-conflicts.ts";
import { decideReceiptNumbers, type ReceiptNumbers } from "./receipt-numbers.ts";
import { compareReceipts, matchReceipts, saveReceipts } from "./save-receipts.ts";
import { readKey } from "./text-cells.ts";
import { createTimeReader, type SaleTime } from "./time-cells.ts";

const COLUMNS = ["receipt", "sold_at", "sku", "quantity", "unit_price", "discount"] as const;
type SaleColumn = (typeof COLUMNS)[number];

/** How many products one INSERT takes: far below the protocol's 65,534 parameters. */
const PRODUCTS_PER_STATEMENT = 1_000;

export interface SalesImportSummary extends ImportSummary {
  /** Receipts in the file. */
  receiptCount: number;
  /** The newest stored sale, from this file or another one. */
  salesThrough: Date;
  /** How receipt numbers were read, as it is remembered for the next file. */
  receiptNumbers: ReceiptNumbers;
}

/** Imports the whole sales file or nothing. @throws {ImportError} naming its faults. */
export function importSales(database: Database, options: ImportOptions): Promise<SalesImportSummary> {
  return runImport(database, { staging: stageSales(options), options }, (file) => save(file, options));
}

function stageSales({ shop, now }: ImportOptions): Staging<SaleColumn> {
  const numbers = createNumberColumns(shop);
  const readQuantity = numbers.quantity("quantity");
  const [readPrice, readDiscount] = [numbers.amount("unit_price"), numbers.amount("discount")];
  const readTime = createTimeReader(shop.timeZone, now);
  const saleIdOf = createSaleIds();
  return {
    numbers,
    layout: { kind: "sales", columns: COLUMNS },
    target: { table: "staged_lines", columns: ["line", "line_id", "sale_id", "receipt_date", ...COLUMNS, "unclear"] },
    create: sql`create temporary table staged_lines (
      line integer, line_id uuid, sale_id uuid, receipt_date date, receipt text, sold_at timestamptz, sku text,
      quantity numeric(12, 3), unit_price bigint, discount bigint, unclear text[]
    ) on commit drop`,
    toRow(row, cells) {
      const receipt = cells.required(row, "receipt", readKey);
      const sold = cells.required(row, "sold_at", readTime);
      const sku = cells.required(row, "sku", readKey);
      const quantity = cells.required(row, "quantity", (cell) => notZero(readQuantity(cell, row)));
      const price = cells.required(row, "unit_price", readPrice);
      const discount = cells.optional(row, "discount", readDiscount, 0n);
      if (receipt === undefined || sold === undefined || sku === undefined) return undefined;
      if (quantity === undefined || price === undefined || discount === undefined) return undefined;
      const ids = [String(row.line), randomUUIDv7(), saleIdOf(receipt, sold)];
      const keys = [sold.date, receipt, sold.instant.toISOString(), sku];
      return [...ids, ...keys, quantityText(quantity), price.toString(), discount.toString()];
    },
  };
}

function notZero(quantity: bigint): bigint {
  if (quantity === 0n) throw new BadInputError("is 0: remove the row");
  return quantity;
}

/** An id for the receipt of each row. Only the id of a receipt's first row is used, so consecutive rows share theirs. */
function createSaleIds(): (receipt: string, sold: SaleTime) => string {
  let last: { receipt: string; date: string; id: string } | undefined;
  return (receipt, { date }) => {
    if (last?.receipt !== receipt || last.date !== date) last = { receipt, date, id: randomUUIDv7() };
    return last.id;
  };
}

async function save(file: StagedFile, options: ImportOptions): Promise<SalesImportSummary> {
  const { tx, faults } = file;
  // Autovacuum does not analyze temporary tables.
  await tx.execute(sql`analyze staged_lines`);
  await addExcessiveDiscounts(file);
  await collectClashes(tx);
  await addConflictsOfTimes(file);
  faults.throwIfAny();
  await file.beginComparing();
  const receiptNumbers = await decideReceiptNumbers(tx, options);
  if (receiptNumbers === "unique") await addConflictsOfDays(file);
  faults.throwIfAny();
  const newProducts = await addUnknownProducts(tx, options.now);
  await matchReceipts(tx, { receiptNumbers, timeZone: options.shop.timeZone });
  await addStoredConflicts(file, receiptNumbers);
  await addOtherSales(file);
  faults.throwIfAny();
  const { receiptCount, changedCount, dataThrough } = await compareReceipts(tx);
  const summary = await recordImport(file, options, { kind: "sales", changedCount, dataThrough, receiptNumbers });
  if (changedCount > 0) {
    file.beginSaving();
    await saveReceipts(tx, summary.importId);
  }
  const [stored] = await tx.select({ through: max(sales.soldAt) }).from(sales);
  return { ...summary, newProducts, receiptCount, salesThrough: stored?.through ?? dataThrough, receiptNumbers };
}

/** Checked when all numbers are settled. `round` of numeric rounds half away from zero, like `lineAmount` in money.ts. */
async function addExcessiveDiscounts({ tx, faults }: StagedFile): Promise<void> {
  const lines = await tx.execute<{ line: number; total: string }>(sql`
    select line, count(*) over () as total from staged_lines
    where discount > round(abs(quantity) * unit_price)
    order by line limit ${MAX_NAMED_FAULTS}`);
  const reason = "is more than the line's total (quantity x unit_price)";
  const named = lines.map(({ line }) => ({ line, column: "discount", reason }));
  faults.addSample({ named, count: Number(lines[0]?.total ?? 0) });
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
