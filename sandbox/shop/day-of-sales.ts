/**
 * Generates one day of the demo shop's receipts. The same date always gives the same receipts.
 *
 * The shop is open from 07:00 to 22:00 local time and closed over Tết. It is busier at weekends, in the warm months and
 * before Tết.
 */
import type { DemoReceipt } from "../../src/db/queries/shop/demo-shop.ts";
import { currencyDecimals } from "../../src/shop/money.ts";
import type { Shop } from "../../src/shop/shop.ts";
import { CATALOGUE, type CatalogueItem } from "./catalogue.ts";
import { createRandom, cumulate, type Random } from "./random.ts";

const OPENS_AT = Temporal.PlainTime.from("07:00");
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Relative number of receipts in each hour, from 07:00. */
const HOURS = cumulate([9, 11, 9, 7, 5, 6, 6, 5, 6, 6, 5, 5, 6, 5, 2.5]);
const NOON_HOUR = 5;

/** Monday first. */
const WEEKDAYS = [0.9, 0.92, 0.95, 0.97, 1.04, 1.16, 1.12] as const;
/** January first. */
const MONTHS = [1.04, 0.97, 1, 1.03, 1.07, 1.08, 1.06, 1.03, 0.97, 0.95, 0.96, 1.03] as const;

const USUAL_RECEIPTS = 56;
const FEWEST_RECEIPTS = 45;
const MOST_RECEIPTS = 70;

const MORNING_WEIGHTS = cumulate(CATALOGUE.map(({ weight, morning }) => weight * morning));
const LATER_WEIGHTS = cumulate(CATALOGUE.map(({ weight }) => weight));

/** The receipts of a date, ordered by time. Empty during Tết. */
export function salesOfDay(date: Temporal.PlainDate, shop: Shop): DemoReceipt[] {
  if (isTet(date)) return [];
  const random = createRandom(`xi pho ${date}`);
  const opensAt = date.toZonedDateTime({ timeZone: shop.timeZone, plainTime: OPENS_AT }).epochMilliseconds;
  const times = Array.from({ length: receiptCount(date, random) }, () => timeAfterOpening(random));
  times.sort((a, b) => a - b);
  const toMinor = minorOf(shop.currency);
  const number = date.toString().replaceAll("-", "");
  const receipts = times.flatMap((time, index) => {
    const sale: DemoReceipt = {
      receipt: `${number}-${String(index + 1).padStart(3, "0")}`,
      receiptDate: date.toString(),
      soldAt: new Date(opensAt + time),
      lines: linesAt(time, { random, toMinor }),
    };
    return random.happens(0.012) ? [sale, refundOf(sale, random)] : [sale];
  });
  return receipts.sort((a, b) => a.soldAt.getTime() - b.soldAt.getTime());
}

/** True from the eve of the lunar new year to its third day. */
function isTet(date: Temporal.PlainDate): boolean {
  const lunar = date.withCalendar("chinese");
  const tomorrow = lunar.add({ days: 1 });
  return (lunar.monthCode === "M01" && lunar.day <= 3) || (tomorrow.monthCode === "M01" && tomorrow.day === 1);
}

function receiptCount(date: Temporal.PlainDate, random: Random): number {
  const weekday = WEEKDAYS[date.dayOfWeek - 1] ?? 1;
  const month = MONTHS[date.month - 1] ?? 1;
  const expected = USUAL_RECEIPTS * weekday * month * (0.93 + 0.14 * random.next());
  return Math.round(Math.min(MOST_RECEIPTS, Math.max(FEWEST_RECEIPTS, expected)));
}

/** In milliseconds since the shop opened, to the second. */
function timeAfterOpening(random: Random): number {
  return random.pick(HOURS) * HOUR_MS + Math.floor(random.next() * 3_600) * 1_000;
}

interface SaleContext {
  random: Random;
  toMinor: (vnd: number) => bigint;
}

function linesAt(time: number, { random, toMinor }: SaleContext): DemoReceipt["lines"] {
  const weights = time < NOON_HOUR * HOUR_MS ? MORNING_WEIGHTS : LATER_WEIGHTS;
  const wanted = 1 + random.pick([0.5, 0.85, 1]);
  const items = new Set<CatalogueItem>();
  for (let i = 0; i < wanted; i += 1) {
    const item = CATALOGUE[random.pick(weights)];
    if (item) items.add(item);
  }
  const hasDiscount = random.happens(0.07);
  return [...items].map((item) => {
    const quantity = quantityOf(item, random);
    const total = (item.price * Number(quantity)) / 1_000;
    // 10 % off, rounded down to 500 đồng, which any currency of the demo can express.
    const discount = hasDiscount ? Math.floor(total / 10 / 500) * 500 : 0;
    const unitCost = item.cost === null ? null : toMinor(item.cost);
    return { sku: item.sku, quantity, unitPrice: toMinor(item.price), discount: toMinor(discount), unitCost };
  });
}

/** In thousandths. */
function quantityOf(item: CatalogueItem, random: Random): bigint {
  if (item.byWeight) return [250n, 500n, 1_000n][random.pick([0.5, 0.85, 1])] ?? 250n;
  if (item.price > 100_000) return 1_000n;
  return [1_000n, 2_000n, 3_000n][random.pick([0.78, 0.96, 1])] ?? 1_000n;
}

/** A refund of the first line, at the price paid, a few minutes later. */
function refundOf(sale: DemoReceipt, random: Random): DemoReceipt {
  const soldAt = new Date(sale.soldAt.getTime() + (2 + Math.floor(random.next() * 10)) * MINUTE_MS);
  const lines = sale.lines.slice(0, 1).map((line) => ({ ...line, quantity: -line.quantity }));
  return { ...sale, receipt: `${sale.receipt}-R`, soldAt, lines };
}

/**
 * Converts the demo's amounts into minor units of the shop's currency. A currency without decimals keeps the đồng amounts;
 * otherwise 10,000 đồng are one unit, so that a coffee has a plausible price.
 */
export function minorOf(currency: string): (vnd: number) => bigint {
  const factor = 10n ** BigInt(currencyDecimals(currency));
  return (vnd) => (factor === 1n ? BigInt(vnd) : (BigInt(vnd) * factor) / 10_000n);
}
