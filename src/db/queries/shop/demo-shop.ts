/**
 * Stores the demo shop's rows in its own database, in bulk.
 *
 * `sandbox/shop/` invents them. This module only stores them, and makes sure that they never reach any other database.
 */
import { createHash, randomUUIDv7 } from "node:crypto";
import { desc, eq, max, sql } from "drizzle-orm";
import { lineAmount, quantityText } from "../../../shop/money.ts";
import type { Db } from "../../client.ts";
import { disableTimeouts, type Transaction } from "../../driver/drizzle-transaction.ts";
import { type CopyRow, copyRows } from "../../import/copy-rows.ts";
import { lockImports } from "../../import/import-run.ts";
import { imports, products, saleLines, sales } from "../../schema/index.ts";

/** The only database that is ever seeded. */
const DEMO_DATABASE = "counterhand_demo";
const IMPORTED_BY = "demo";

export type DemoProduct = Pick<
  typeof products.$inferInsert,
  "sku" | "name" | "category" | "price" | "cost" | "stock" | "reorderLevel"
>;

export interface DemoReceipt {
  receipt: string;
  /** The shop's local date of `soldAt`, `YYYY-MM-DD`. */
  receiptDate: string;
  soldAt: Date;
  lines: readonly {
    sku: string;
    /** In thousandths; negative for a refund. */
    quantity: bigint;
    unitPrice: bigint;
    discount: bigint;
    unitCost: bigint | null;
  }[];
}

export interface DemoState {
  isEmpty: boolean;
  /** The newest sale; null without sales. */
  dataThrough: Date | null;
  /** Until when the days were generated; later than the newest sale if the shop has closed since. */
  completeUntil: Date | null;
}

export interface DemoImport {
  receipts: readonly DemoReceipt[];
  dataThrough: Date | null;
  now: Date;
}

/** Throws unless this is the demo shop's database, or `allowed` (for tests). */
export async function requireDemoDatabase(db: Db, allowed: string = DEMO_DATABASE): Promise<void> {
  const [current] = await db.execute<{ name: string }>(sql`select current_database() as name`);
  if (current?.name !== allowed) throw new Error(`The demo shop must not be stored in the database ${current?.name}`);
}

/** Starts seeding: until the transaction ends no other process seeds or imports. */
export async function beginDemoSeeding(tx: Transaction): Promise<DemoState> {
  // Two years of sales may take a small machine longer than the usual statement timeout.
  await disableTimeouts(tx);
  await lockImports(tx);
  const [product] = await tx.select({ id: products.id }).from(products).limit(1);
  const [stored] = await tx.select({ through: max(sales.soldAt) }).from(sales);
  const [latest] = await tx
    .select({ completedAt: imports.completedAt })
    .from(imports)
    .where(eq(imports.importedBy, IMPORTED_BY))
    .orderBy(desc(imports.completedAt))
    .limit(1);
  return { isEmpty: !product, dataThrough: stored?.through ?? null, completeUntil: latest?.completedAt ?? null };
}

/** Adds the products that do not exist yet. */
export async function addDemoProducts(tx: Transaction, rows: readonly DemoProduct[], now: Date): Promise<void> {
  await tx
    .insert(products)
    .values(rows.map((row) => ({ ...row, createdAt: now, updatedAt: now })))
    .onConflictDoNothing();
  await addImport(tx, { kind: "products", rowCount: rows.length, changedCount: rows.length, dataThrough: now, now });
}

/** Adds new receipts, and an import record for them. An empty list is recorded too: sales are complete up to `now`. */
export async function addDemoSales(tx: Transaction, { receipts, dataThrough, now }: DemoImport): Promise<void> {
  const rowCount = receipts.reduce((sum, { lines }) => sum + lines.length, 0);
  const importId = await addImport(tx, { kind: "sales", rowCount, changedCount: receipts.length, dataThrough, now });
  const known = await tx.select({ id: products.id, sku: products.sku }).from(products);
  const productIds = new Map(known.map(({ id, sku }) => [sku, id]));
  const saleIds = receipts.map(() => randomUUIDv7());
  await copyRows(tx, { table: "sales", columns: SALE_COLUMNS }, saleRows());
  await copyRows(tx, { table: "sale_lines", columns: LINE_COLUMNS }, lineRows());
  // So that the first question gets a good plan too.
  await tx.execute(sql`analyze ${sales}, ${saleLines}`);

  function* saleRows(): Generator<CopyRow> {
    for (const [index, { receipt, receiptDate, soldAt }] of receipts.entries()) {
      yield [saleIds[index] ?? null, receipt, receiptDate, soldAt.toISOString(), importId];
    }
  }

  function* lineRows(): Generator<CopyRow> {
    for (const [index, { lines }] of receipts.entries()) {
      for (const [place, line] of lines.entries()) {
        const keys = [randomUUIDv7(), saleIds[index] ?? null, String(place + 1), productIds.get(line.sku) ?? null];
        yield [...keys, ...lineValues(line)];
      }
    }
  }
}

const SALE_COLUMNS = ["id", "receipt", "receipt_date", "sold_at", "import_id"];

const LINE_COLUMNS = [
  "id",
  "sale_id",
  "position",
  "product_id",
  "quantity",
  "unit_price",
  "discount",
  "unit_cost",
  "gross_amount",
  "net_amount",
  "cost_amount",
];

function lineValues({ quantity, unitPrice, discount, unitCost }: DemoReceipt["lines"][number]): CopyRow {
  const gross = lineAmount(quantity, unitPrice);
  const net = quantity < 0n ? gross + discount : gross - discount;
  const cost = unitCost === null ? [null, null] : [unitCost, lineAmount(quantity, unitCost)];
  const [unit, total] = cost.map((amount) => amount?.toString() ?? null);
  const amounts = [unitPrice, discount].map(String);
  return [quantityText(quantity), ...amounts, unit ?? null, gross.toString(), net.toString(), total ?? null];
}

interface DemoRecord {
  kind: "products" | "sales";
  rowCount: number;
  changedCount: number;
  dataThrough: Date | null;
  now: Date;
}

async function addImport(tx: Transaction, { now, ...record }: DemoRecord): Promise<string> {
  const id = randomUUIDv7();
  const fileName = `demo ${record.kind}`;
  const fileHash = createHash("sha256").update(`${fileName} ${now.toISOString()}`).digest("hex");
  const times = { startedAt: now, completedAt: now };
  await tx.insert(imports).values({ id, ...record, fileName, fileHash, importedBy: IMPORTED_BY, ...times });
  return id;
}
