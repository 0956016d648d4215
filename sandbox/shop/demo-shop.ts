/**
 * The demo shop "Xi Pho Coffee": two years of sales up to this minute, in a database of its own.
 *
 * The first start creates it; each later start adds the missing days and hours. A day's sales depend on its date only.
 */
import type { Database } from "../../src/db/client.ts";
import {
  addDemoProducts,
  addDemoSales,
  beginDemoSeeding,
  type DemoProduct,
  type DemoReceipt,
  type DemoState,
  requireDemoDatabase,
} from "../../src/db/queries/shop/demo-shop.ts";
import { dateAt } from "../../src/shop/calendar.ts";
import type { Shop } from "../../src/shop/shop.ts";
import { CATALOGUE } from "./catalogue.ts";
import { minorOf, salesOfDay } from "./day-of-sales.ts";

const YEARS = 2;

export interface DemoShopOptions {
  shop: Shop;
  now: Date;
  /** For tests: the name of another database to allow. */
  allowDatabase?: string;
}

export interface DemoShopSeed {
  /** Whether the shop was created by this call; false if only missing sales were added. */
  created: boolean;
  /** How many receipts were added. */
  receipts: number;
  /** The newest sale. */
  dataThrough: Date;
}

/** Creates the demo shop or adds its missing sales. Throws without any change for a database other than `counterhand_demo`. */
export async function seedDemoShop(database: Database, options: DemoShopOptions): Promise<DemoShopSeed> {
  const { shop, now, allowDatabase } = options;
  await requireDemoDatabase(database.db, allowDatabase);
  return database.db.transaction(async (tx) => {
    const state = await beginDemoSeeding(tx);
    if (state.isEmpty) await addDemoProducts(tx, demoProducts(shop), now);
    const receipts = missingReceipts(state, { shop, now });
    const dataThrough = receipts.at(-1)?.soldAt ?? state.dataThrough ?? now;
    if (receipts.length > 0 || closedSince(state, { shop, now })) {
      await addDemoSales(tx, { receipts, dataThrough, now });
    }
    return { created: state.isEmpty, receipts: receipts.length, dataThrough };
  });
}

interface Moment {
  shop: Shop;
  now: Date;
}

/** The receipts after the newest stored sale and up to now, ordered by time. */
function missingReceipts({ dataThrough }: DemoState, { shop, now }: Moment): DemoReceipt[] {
  const today = dateAt(now, shop.timeZone);
  const receipts: DemoReceipt[] = [];
  let date = dataThrough ? dateAt(dataThrough, shop.timeZone) : today.subtract({ years: YEARS });
  for (; Temporal.PlainDate.compare(date, today) <= 0; date = date.add({ days: 1 })) {
    const missing = salesOfDay(date, shop).filter(
      ({ soldAt }) => soldAt <= now && (!dataThrough || soldAt > dataThrough),
    );
    receipts.push(...missing);
  }
  return receipts;
}

/** Whether a day has ended since the last recording: only a new record shows that a day without further sales is complete. */
function closedSince({ completeUntil }: DemoState, { shop, now }: Moment): boolean {
  return !completeUntil || !dateAt(completeUntil, shop.timeZone).equals(dateAt(now, shop.timeZone));
}

function demoProducts({ currency }: Shop): DemoProduct[] {
  const toMinor = minorOf(currency);
  return CATALOGUE.map(({ sku, name, category, price, cost, stock, reorderLevel }) => ({
    ...{ sku, name, category, price: toMinor(price) },
    cost: cost === null ? null : toMinor(cost),
    stock: stock.toFixed(3),
    reorderLevel: reorderLevel.toFixed(3),
  }));
}
