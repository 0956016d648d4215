/** Queries of the stock tool: low products with their sales per day, the last open days, the time of the stock count. */
import { and, asc, count, desc, eq, gt, gte, lt, lte, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { imports, products, saleLines, sales } from "../../schema/index.ts";

/** How many days back open days are searched. After a longer closure there is no meaningful pace. */
const OPEN_DAYS_WITHIN_DAYS = 120;

export interface LowStockProduct {
  name: string;
  sku: string;
  stock: number;
  reorderLevel: number;
  /** Units per day less refunds; null without open days to measure it. */
  soldADay: number | null;
}

/** The time span in which sales per day are measured, and its number of open days. */
export interface Pace {
  from: Date;
  until: Date;
  days: number;
}

/**
 * Active products that are out of stock (stock <= 0), or low but not out (0 < stock <= reorder level). Scarcest first, then
 * by name; at most `limit`.
 */
export async function findLowStock(
  db: Db,
  { outOfStock, pace, limit }: { outOfStock: boolean; pace: Pace | null; limit: number },
): Promise<LowStockProduct[]> {
  const sold = db
    .select({ productId: saleLines.productId, units: sql<string>`sum(${saleLines.quantity})`.as("units") })
    .from(saleLines)
    .innerJoin(sales, eq(sales.id, saleLines.saleId))
    .where(pace ? and(gte(sales.soldAt, pace.from), lt(sales.soldAt, pace.until)) : sql`false`)
    .groupBy(saleLines.productId)
    .as("sold");
  const rows = await db
    .select({
      name: products.name,
      sku: products.sku,
      stock: products.stock,
      reorderLevel: products.reorderLevel,
      units: sold.units,
    })
    .from(products)
    .leftJoin(sold, eq(sold.productId, products.id))
    .where(and(eq(products.active, true), outOfStock ? isOut() : isLow()))
    .orderBy(asc(sql`${products.stock} - ${products.reorderLevel}`), asc(products.name), asc(products.sku))
    .limit(limit);
  return rows.map(({ units, ...row }) => ({
    ...row,
    stock: Number(row.stock),
    reorderLevel: Number(row.reorderLevel),
    soldADay: pace ? Number(units ?? 0) / pace.days : null,
  }));
}

/** How many active products are out of stock, and how many are low but not out. */
export async function countLowStock(db: Db): Promise<{ outOfStock: number; low: number }> {
  const [row] = await db
    .select({
      outOfStock: count(sql`case when ${isOut()} then 1 end`),
      low: count(sql`case when ${isLow()} then 1 end`),
    })
    .from(products)
    .where(eq(products.active, true));
  return row ?? { outOfStock: 0, low: 0 };
}

/** The last `limit` open days before `until`, newest first: the dates on which anything was sold. */
export async function findLastOpenDays(
  db: Db,
  { until, timeZone, limit }: { until: Date; timeZone: string; limit: number },
): Promise<Temporal.PlainDate[]> {
  const from = new Date(until.getTime() - OPEN_DAYS_WITHIN_DAYS * 86_400_000);
  const days = db
    .select({ day: sql<string>`(${sales.soldAt} at time zone ${timeZone})::date::text`.as("day") })
    .from(sales)
    .where(and(gte(sales.soldAt, from), lt(sales.soldAt, until)))
    .as("days");
  const rows = await db.selectDistinct({ day: days.day }).from(days).orderBy(desc(days.day)).limit(limit);
  return rows.map(({ day }) => Temporal.PlainDate.from(day));
}

/** When stock was last imported; null if never. */
export async function findStockTime(db: Db): Promise<Date | null> {
  const [row] = await db
    .select({ dataThrough: imports.dataThrough })
    .from(imports)
    .where(eq(imports.kind, "products"))
    .orderBy(desc(imports.completedAt))
    .limit(1);
  return row?.dataThrough ?? null;
}

function isOut() {
  return lte(products.stock, "0");
}

function isLow() {
  return and(gt(products.stock, "0"), lte(products.stock, products.reorderLevel));
}
