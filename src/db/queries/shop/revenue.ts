/** Queries of the revenue tool: the figures of a time span, and which time the sales cover. All amounts in minor units. */
import { and, desc, eq, gte, lt, max, min, sql } from "drizzle-orm";
import type { Span } from "../../../shop/calendar.ts";
import type { Db } from "../../client.ts";
import { imports, saleLines, sales } from "../../schema/index.ts";

/** The figures of a time span; `docs/figures.md` defines them. */
export interface RevenueFigures {
  /** Receipts with a line of quantity > 0. */
  orders: number;
  /** Units of the lines with quantity > 0. */
  units: number;
  /** quantity x unit price of the lines with quantity > 0. */
  grossSales: bigint;
  /** Discounts on those lines. */
  discounts: bigint;
  /** The net of the negative lines, as a positive amount. */
  refunds: bigint;
  /** gross sales - discounts - refunds. */
  netRevenue: bigint;
  /** quantity x the line's unit cost, of the lines that have one; null when none has. */
  costOfGoods: bigint | null;
  /** Net revenue - cost of goods of the lines that have a cost; null when none has. */
  grossProfit: bigint | null;
  /** Sold without a known cost: the number of products, and their net revenue. */
  uncosted: { products: number; netRevenue: bigint };
}

/** Which time the imported sales cover. */
export interface SalesCoverage {
  firstSaleAt: Date;
  lastSaleAt: Date;
  /** When a sales file with the newest sale was last imported for the first time. A day that had ended by then is complete. */
  importedAt: Date;
}

/** The figures of a half-open time span; all zero when nothing was sold. */
export async function getRevenue(db: Db, span: Span): Promise<RevenueFigures> {
  const sold = sql`${saleLines.quantity} > 0`;
  const hasCost = sql`${saleLines.unitCost} is not null`;
  const [row] = await db
    .select({
      orders: sql<string>`count(distinct ${sales.id}) filter (where ${sold})`,
      units: sum(saleLines.quantity, sold),
      grossSales: sum(saleLines.grossAmount, sold),
      discounts: sum(saleLines.discount, sold),
      refunds: sql<string>`coalesce(-sum(${saleLines.netAmount}) filter (where not ${sold}), 0)`,
      netRevenue: sum(saleLines.netAmount),
      costedLines: sql<string>`count(*) filter (where ${hasCost})`,
      costedRevenue: sum(saleLines.netAmount, hasCost),
      costOfGoods: sum(saleLines.costAmount),
      uncostedProducts: sql<string>`count(distinct ${saleLines.productId}) filter (where not ${hasCost})`,
      uncostedRevenue: sum(saleLines.netAmount, sql`not ${hasCost}`),
    })
    .from(saleLines)
    .innerJoin(sales, eq(sales.id, saleLines.saleId))
    .where(and(gte(sales.soldAt, span.from), lt(sales.soldAt, span.until)));
  if (!row) throw new Error("an aggregate without GROUP BY always has a row");
  const costOfGoods = row.costedLines === "0" ? null : BigInt(row.costOfGoods);
  return {
    orders: Number(row.orders),
    units: Number(row.units),
    grossSales: BigInt(row.grossSales),
    discounts: BigInt(row.discounts),
    refunds: BigInt(row.refunds),
    netRevenue: BigInt(row.netRevenue),
    costOfGoods,
    grossProfit: costOfGoods === null ? null : BigInt(row.costedRevenue) - costOfGoods,
    uncosted: { products: Number(row.uncostedProducts), netRevenue: BigInt(row.uncostedRevenue) },
  };
}

/** Which time the imported sales cover; null without sales. */
export async function findSalesCoverage(db: Db): Promise<SalesCoverage | null> {
  const [reach] = await db.select({ first: min(sales.soldAt), last: max(sales.soldAt) }).from(sales);
  if (!reach?.first || !reach.last) return null;
  // An import of older sales says nothing about the newest day, and importing a file again adds no information.
  const firstTimes = db
    .select({ completedAt: min(imports.completedAt).as("first_completed_at") })
    .from(imports)
    .where(and(eq(imports.kind, "sales"), gte(imports.dataThrough, reach.last)))
    .groupBy(imports.fileHash)
    .as("first_times");
  const [latest] = await db
    .select({ importedAt: firstTimes.completedAt })
    .from(firstTimes)
    .orderBy(desc(firstTimes.completedAt))
    .limit(1);
  return { firstSaleAt: reach.first, lastSaleAt: reach.last, importedAt: latest?.importedAt ?? reach.last };
}

/** A sum as PostgreSQL's decimal text (a sum of bigint is numeric); 0 without rows. */
function sum(
  column: typeof saleLines.quantity | typeof saleLines.netAmount | typeof saleLines.costAmount,
  where = sql`true`,
) {
  return sql<string>`coalesce(sum(${column}) filter (where ${where}), 0)`;
}
