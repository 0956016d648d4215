/**
 * A sales file: `receipt,sold_at,sku,quantity,unit_price,discount`, a row for each line of a receipt.
 *
 * A receipt of the file replaces the stored one whole; one that is stored just so is not touched. Stock does not move. The
 * SQL that compares and writes is in `save-receipts.ts`.
 */
import { randomUUIDv7 } from "node:crypto";
import { max, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import { lineAmount, quantityText } from "../../shop/money.ts";
import type { Database } from "../client.ts";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import { imports, products, sales } from "../schema/index.ts";
import { type ImportOptions, type ImportSummary, runImport, type StagedFile, type Staging } from "./import-run.ts";
import { createNumberReader } from "./number-cells.ts";
import { compareReceipts, saveReceipts } from "./save-receipts.ts";
import { readKey } from "./text-cells.ts";
import { createTimeReader } from "./time-cells.ts";

const COLUMNS = ["receipt", "sold_at", "sku", "quantity", "unit_price", "discount"] as const;
type Column = (typeof COLUMNS)[number];

/** How many products one INSERT takes: far under the driver's 65,534 parameters. */
const PRODUCTS_A_STATEMENT = 1_000;

export interface SalesImportSummary extends ImportSummary {
  /** Receipts in the file. */
  receiptCount: number;
  /** The newest sale that is stored now, of this file or of another. */
  salesThrough: Date;
}

/** Imports a sales file whole or not at all. @throws {ImportError} naming its faults. */
export function importSales(database: Database, options: ImportOptions): Promise<SalesImportSummary> {
  return runImport(database, { staging: stageSales(options), options }, (file) => save(file, options));
}

function stageSales({ shop, now }: ImportOptions): Staging<Column> {
  const { amount, quantity: readQuantity } = createNumberReader(shop);
  const readTime = createTimeReader(shop.timeZone, now);
  const saleIds = createSaleIds();
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
        return cells.refuse(row, "discount", "is more than the line's total (quantity x unit_price)");
      const keys = [String(row.line), randomUUIDv7(), saleIds(receipt), receipt, new Date(soldAt).toISOString(), sku];
      return [...keys, quantityText(quantity), price.toString(), discount.toString()];
    },
  };
}

function notZero(quantity: bigint): bigint {
  if (quantity === 0n) throw new BadInputError("is 0: leave the row out");
  return quantity;
}

/** An id for the receipt of each row. Only that of a receipt's first row will count, so rows in a row share theirs. */
function createSaleIds(): (receipt: string) => string {
  let last: { receipt: string; id: string } | undefined;
  return (receipt) => {
    if (last?.receipt !== receipt) last = { receipt, id: randomUUIDv7() };
    return last.id;
  };
}

async function save(file: StagedFile, options: ImportOptions): Promise<SalesImportSummary> {
  const { tx, rowCount, fileHash, ignoredColumns } = file;
  // A temporary table has no statistics until it is told to have them.
  await tx.execute(sql`analyze staged_lines`);
  await refuseDifferingTimes(file);
  file.faults.throwIfAny();
  await file.beginComparing();
  const newProducts = await addUnknownProducts(tx, options.now);
  const { receiptCount, changedCount, dataThrough } = await compareReceipts(tx);
  const { fileName, importedBy, now } = options;
  const importId = randomUUIDv7();
  const record = { kind: "sales" as const, fileName, fileHash, importedBy, rowCount, changedCount, startedAt: now };
  await tx.insert(imports).values({ id: importId, ...record, completedAt: sql`clock_timestamp()`, dataThrough });
  if (changedCount > 0) {
    file.beginSaving();
    await saveReceipts(tx, importId);
  }
  const [stored] = await tx.select({ through: max(sales.soldAt) }).from(sales);
  const counts = { rowCount, receiptCount, changedCount, unchanged: changedCount === 0 };
  return {
    importId,
    ...counts,
    dataThrough,
    salesThrough: stored?.through ?? dataThrough,
    newProducts,
    ignoredColumns,
  };
}

async function refuseDifferingTimes({ tx, faults }: StagedFile): Promise<void> {
  const differing = await tx.execute<{ line: number; firstLine: number; total: string }>(sql`
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
    order by line limit 20`);
  for (const { line, firstLine } of differing) {
    faults.add({
      line,
      column: "sold_at",
      reason: `is not the time that line ${firstLine} gives for the same receipt`,
    });
  }
  faults.addUnnamed(Number(differing[0]?.total ?? 0) - differing.length);
}

/** Makes an inactive product of each SKU that is not known, named as its SKU; gives them, sorted. */
async function addUnknownProducts(tx: Transaction, now: Date): Promise<string[]> {
  const unknown = await tx.execute<{ sku: string }>(sql`
    select distinct sku from staged_lines as staged
    where not exists (select from ${products} where ${products.sku} = staged.sku)
    order by sku`);
  const skus = unknown.map(({ sku }) => sku);
  for (let start = 0; start < skus.length; start += PRODUCTS_A_STATEMENT) {
    const some = skus.slice(start, start + PRODUCTS_A_STATEMENT);
    await tx
      .insert(products)
      .values(some.map((sku) => ({ sku, name: sku, active: false, createdAt: now, updatedAt: now })));
  }
  return skus;
}
