/** The stock tool: which products are out of stock or low, and how long the stock lasts. */
import { z } from "zod";
import {
  countLowStock,
  findLastOpenDays,
  findLowStock,
  findStockTime,
  type LowStockProduct,
} from "../db/queries/shop/stock.ts";
import { dateAt, isoAt, startOfDay } from "../shop/calendar.ts";
import { STAFF_ROLES } from "../shop/roles.ts";
import { defineTool } from "./tool.ts";

/** Most products in each list. A longer list is only counted, since nobody would read it. */
const MAX_PRODUCTS = 50;
/** The number of open days for the average sales per day. */
const OPEN_DAYS = 14;

export const checkOutOfStock = defineTool({
  name: "CheckOutOfStock",
  description:
    "Products that are out of stock or at or under their reorder level, with how fast they sell. Use for any question about stock, what is running out or what to order.",
  label: { en: "Checking stock", vi: "Đang kiểm tra kho" },
  input: z.strictObject({}),
  allowedRoles: STAFF_ROLES,
  async execute(_input, { db, shop, now }) {
    const until = startOfDay(dateAt(now, shop.timeZone), shop.timeZone);
    const openDays = await findLastOpenDays(db, { until, timeZone: shop.timeZone, limit: OPEN_DAYS });
    const first = openDays.at(-1);
    const pace = first ? { from: startOfDay(first, shop.timeZone), until, days: openDays.length } : null;
    const counts = await countLowStock(db);
    const stockTime = await findStockTime(db);
    return {
      stock_as_of: stockTime && isoAt(stockTime, shop.timeZone),
      out_of_stock_count: counts.outOfStock,
      low_stock_count: counts.low,
      pace_from_open_days: openDays.length,
      out_of_stock: (await findLowStock(db, { outOfStock: true, pace, limit: MAX_PRODUCTS })).map(describe),
      low_stock: (await findLowStock(db, { outOfStock: false, pace, limit: MAX_PRODUCTS })).map(describe),
    };
  },
});

function describe(product: LowStockProduct) {
  const { soldADay } = product;
  return {
    name: product.name,
    sku: product.sku,
    stock: product.stock,
    reorder_level: product.reorderLevel,
    sold_a_day: soldADay === null ? null : rounded(soldADay),
    days_of_cover: soldADay === null || soldADay <= 0 ? null : rounded(Math.max(product.stock, 0) / soldADay),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
