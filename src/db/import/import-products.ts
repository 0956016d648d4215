/**
 * A products file: `sku,name,category,price,cost,stock,reorder_level`.
 *
 * It sets every column of the products in it, and activates them. An empty price, cost or category means "unknown", an empty
 * reorder level 0. Products that are not in the file stay as they are.
 */
import { randomUUIDv7 } from "node:crypto";
import { sql } from "drizzle-orm";
import { quantityText } from "../../shop/money.ts";
import type { Database } from "../client.ts";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import { products } from "../schema/index.ts";
import { type LineConflict, MAX_NAMED_FAULTS } from "./import-error.ts";
import {
  type ImportOptions,
  type ImportSummary,
  recordImport,
  runImport,
  type StagedFile,
  type Staging,
} from "./import-run.ts";
import { createNumberColumns } from "./number-columns.ts";
import { readKey, readName } from "./text-cells.ts";

const COLUMNS = ["sku", "name", "category", "price", "cost", "stock", "reorder_level"] as const;
type ProductColumn = (typeof COLUMNS)[number];

/** Imports the whole products file or nothing. @throws {ImportError} naming its faults. */
export function importProducts(database: Database, options: ImportOptions): Promise<ImportSummary> {
  return runImport(database, { staging: stageProducts(options), options }, (file) => save(file, options));
}

function stageProducts({ shop }: ImportOptions): Staging<ProductColumn> {
  const numbers = createNumberColumns(shop);
  const [readPrice, readCost] = [numbers.amount("price"), numbers.amount("cost")];
  const [readStock, readLevel] = [numbers.quantity("stock"), numbers.quantity("reorder_level")];
  return {
    numbers,
    layout: { kind: "products", columns: COLUMNS },
    target: { table: "staged_products", columns: ["line", "id", ...COLUMNS, "unclear"] },
    create: sql`create temporary table staged_products (
      line integer, id uuid, sku text, name text, category text, price bigint, cost bigint,
      stock numeric(12, 3), reorder_level numeric(12, 3), unclear text[]
    ) on commit drop`,
    toRow(row, cells) {
      const sku = cells.required(row, "sku", readKey);
      const name = cells.required(row, "name", readName);
      const category = cells.optional(row, "category", readName, null);
      const price = cells.optional(row, "price", readPrice, null);
      const cost = cells.optional(row, "cost", readCost, null);
      const stock = cells.required(row, "stock", readStock);
      const level = cells.optional(row, "reorder_level", readLevel, 0n);
      if (level !== undefined && level < 0n) return cells.reject(row, "reorder_level", "is negative");
      if (sku === undefined || name === undefined || category === undefined || price === undefined) return undefined;
      if (cost === undefined || stock === undefined || level === undefined) return undefined;
      const numbers = [price?.toString() ?? null, cost?.toString() ?? null, quantityText(stock), quantityText(level)];
      return [String(row.line), randomUUIDv7(), sku, name, category, ...numbers];
    },
  };
}

async function save(file: StagedFile, options: ImportOptions): Promise<ImportSummary> {
  const { tx, faults } = file;
  const { now } = options;
  faults.addConflicts(await findRepeatedSkus(tx), (firstLine) => ({
    column: "sku",
    reason: `repeats the SKU of line ${firstLine}`,
  }));
  faults.throwIfAny();
  await file.beginComparing();
  const newProducts = await findNewSkus(tx);
  file.beginSaving();
  const changedCount = await upsert(tx, now);
  return { ...(await recordImport(file, options, { kind: "products", changedCount, dataThrough: now })), newProducts };
}

function findRepeatedSkus(tx: Transaction) {
  return tx.execute<LineConflict>(sql`
    select line, first_line as "firstLine", count(*) over () as total
    from (select line, min(line) over (partition by sku) as first_line from staged_products) as numbered
    where line <> first_line
    order by line
    limit ${MAX_NAMED_FAULTS}`);
}

async function findNewSkus(tx: Transaction): Promise<string[]> {
  const unknown = await tx.execute<{ sku: string }>(sql`
    select sku from staged_products as staged
    where not exists (select from ${products} where ${products.sku} = staged.sku)
    order by sku`);
  return unknown.map(({ sku }) => sku);
}

/** Writes only rows that differ, and returns the number of rows added or changed. */
async function upsert(tx: Transaction, now: Date): Promise<number> {
  const at = now.toISOString();
  const [counted] = await tx.execute<{ count: string }>(sql`
    with written as (
      insert into products as p
        (id, sku, name, category, price, cost, stock, reorder_level, active, created_at, updated_at)
      select id, sku, name, category, price, cost, stock, reorder_level, true, ${at}::timestamptz, ${at}::timestamptz
      from staged_products
      on conflict (sku) do update set
        (name, category, price, cost, stock, reorder_level, active, updated_at) =
        (excluded.name, excluded.category, excluded.price, excluded.cost, excluded.stock, excluded.reorder_level,
          true, excluded.updated_at)
      where (p.name, p.category, p.price, p.cost, p.stock, p.reorder_level, p.active) is distinct from
        (excluded.name, excluded.category, excluded.price, excluded.cost, excluded.stock, excluded.reorder_level, true)
      returning 1
    )
    select count(*) as count from written`);
  return Number(counted?.count ?? 0);
}
