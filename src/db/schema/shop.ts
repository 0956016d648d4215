/**
 * The shop: products, sales with their lines, and the imports that stored them.
 *
 * Money is in minor units of the shop's currency. A line stores its totals and the product's unit cost at the time of the
 * import, so that a later price change does not change old figures.
 */
import { sql } from "drizzle-orm";
import { boolean, check, date, index, integer, pgEnum, snakeCase, text, unique, uuid } from "drizzle-orm/pg-core";
import { id, instant, minor, quantity } from "./columns.ts";

export const importKind = pgEnum("import_kind", ["products", "sales"]);

/** Whether a receipt number belongs to one receipt for ever (`unique`), or the till begins anew each day (`daily`). */
export const receiptNumbers = pgEnum("receipt_numbers", ["unique", "daily"]);

export const imports = snakeCase.table(
  "imports",
  {
    id: id(),
    kind: importKind().notNull(),
    fileName: text().notNull(),
    /** SHA-256 of the file in hex. */
    fileHash: text().notNull(),
    /** The operating system's name of the user who ran it, or `demo`. */
    importedBy: text().notNull(),
    rowCount: integer().notNull(),
    /** Products or receipts that the file added or changed; 0 when everything was already stored. */
    changedCount: integer().notNull(),
    startedAt: instant().notNull(),
    completedAt: instant().notNull().defaultNow(),
    /** Sales: the newest `sold_at` of the file. Products: the time of the stock count. */
    dataThrough: instant(),
    /** Of sales: how the file was read, which the next file repeats. Null for an import by an earlier version. */
    receiptNumbers: receiptNumbers(),
  },
  (t) => [index("imports_by_kind").on(t.kind, t.completedAt), index("imports_by_completion").on(t.completedAt, t.id)],
);

export const products = snakeCase.table(
  "products",
  {
    id: id(),
    sku: text().notNull().unique(),
    name: text().notNull(),
    category: text(),
    price: minor(),
    /** Unit cost; null if unknown: then the product has no gross profit. */
    cost: minor(),
    stock: quantity().notNull().default("0"),
    reorderLevel: quantity().notNull().default("0"),
    /** False for a product that only a sales file contains: no stock list has it. */
    active: boolean().notNull().default(true),
    createdAt: instant().notNull().defaultNow(),
    updatedAt: instant().notNull().defaultNow(),
  },
  (t) => [
    index("products_low_stock").on(t.stock, t.reorderLevel).where(sql`${t.active} and ${t.stock} <= ${t.reorderLevel}`),
    check("products_price_not_negative", sql`${t.price} >= 0`),
    check("products_cost_not_negative", sql`${t.cost} >= 0`),
    check("products_reorder_not_negative", sql`${t.reorderLevel} >= 0`),
  ],
);

export const sales = snakeCase.table(
  "sales",
  {
    id: id(),
    receipt: text().notNull(),
    /**
     * The shop's local date of `soldAt`, part of the key where numbers begin anew each day. It is stored because the shop's time
     * zone may be corrected later. Null if an earlier version stored the receipt: the next import fills it in.
     */
    receiptDate: date({ mode: "string" }),
    soldAt: instant().notNull(),
    importId: uuid()
      .notNull()
      .references(() => imports.id),
  },
  (t) => [unique("sales_receipt").on(t.receipt, t.receiptDate), index("sales_by_time").on(t.soldAt)],
);

export const saleLines = snakeCase.table(
  "sale_lines",
  {
    id: id(),
    saleId: uuid()
      .notNull()
      .references(() => sales.id, { onDelete: "cascade" }),
    /** Its position on the receipt. One receipt may contain a SKU twice. */
    position: integer().notNull(),
    productId: uuid()
      .notNull()
      .references(() => products.id),
    /** Negative for a refund. */
    quantity: quantity().notNull(),
    unitPrice: minor().notNull(),
    /** From 0 to the absolute line total. */
    discount: minor().notNull(),
    /** The product's unit cost at the time of the import; null if unknown. */
    unitCost: minor(),
    /** quantity x unit price, rounded to the minor unit; negative for a refund. */
    grossAmount: minor().notNull(),
    /** Gross less the discount, towards zero: what the customer paid, or (negative) got back. */
    netAmount: minor().notNull(),
    /** quantity x unit cost, rounded; null without a cost. */
    costAmount: minor(),
  },
  (t) => [
    unique("sale_lines_position").on(t.saleId, t.position),
    index("sale_lines_of_product").on(t.productId),
    check("sale_lines_quantity_not_zero", sql`${t.quantity} <> 0`),
    check("sale_lines_price_not_negative", sql`${t.unitPrice} >= 0`),
    check("sale_lines_discount_bounds", sql`${t.discount} between 0 and abs(${t.grossAmount})`),
    check("sale_lines_net", sql`${t.netAmount} = sign(${t.quantity}) * (abs(${t.grossAmount}) - ${t.discount})`),
    check("sale_lines_cost_whole", sql`(${t.unitCost} is null) = (${t.costAmount} is null)`),
  ],
);
