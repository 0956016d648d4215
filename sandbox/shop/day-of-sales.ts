/**
 * One day of the demo shop: its receipts, the same whenever and wherever they are made.
 *
 * Open from 07:00 to 22:00 of the shop, closed over Tết. Busier at weekends, in the warm months and before Tết.
 */
import type { DemoReceipt } from "../../src/db/queries/shop/demo-shop.ts";
import { currencyDecimals } from "../../src/shop/money.ts";
import type { Shop } from "../../src/shop/shop.ts";
import { CATALOGUE, type CatalogueItem } from "./catalogue.ts";
import { type Chance, createChance, sumUp } from "./random.ts";

const OPENS_AT = Temporal.PlainTime.from("07:00");
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** How busy each hour is, from 07:00 on. */
const HOURS = sumUp([9, 11, 9, 7, 5, 6, 6, 5, 6, 6, 5, 5, 6, 5, 2.5]);
const NOON_HOUR = 5;

/** Monday first. */
const WEEKDAYS = [0.9, 0.92, 0.95, 0.97, 1.04, 1.16, 1.12] as const;
/** January first. */
const MONTHS = [1.04, 0.97, 1, 1.03, 1.07, 1.08, 1.06, 1.03, 0.97, 0.95, 0.96, 1.03] as const;

const USUAL_RECEIPTS = 56;
const FEWEST_RECEIPTS = 45;
const MOST_RECEIPTS = 70;

const MORNING_WEIGHTS = sumUp(CATALOGUE.map(({ weight, morning }) => weight * morning));
const LATER_WEIGHTS = sumUp(CATALOGUE.map(({ weight }) => weight));

/** The receipts of a date, by time. Empty on the days of Tết. */
export function salesOfDay(date: Temporal.PlainDate, shop: Shop): DemoReceipt[] {
  if (isTet(date)) return [];
  const chance = createChance(`xi pho ${date}`);
  const opensAt = date.toZonedDateTime({ timeZone: shop.timeZone, plainTime: OPENS_AT }).epochMilliseconds;
  const times = Array.from({ length: receiptCount(date, chance) }, () => timeAfterOpening(chance));
  times.sort((a, b) => a - b);
  const toMinor = minorOf(shop.currency);
  const number = date.toString().replaceAll("-", "");
  const receipts = times.flatMap((time, index) => {
    const sale: DemoReceipt = {
      receipt: `${number}-${String(index + 1).padStart(3, "0")}`,
      soldAt: new Date(opensAt + time),
      lines: linesAt(time, { chance, toMinor }),
    };
    return chance.happens(0.012) ? [sale, refundOf(sale, chance)] : [sale];
  });
  return receipts.sort((a, b) => a.soldAt.getTime() - b.soldAt.getTime());
}

/** From the eve of the lunar new year to its third day. */
function isTet(date: Temporal.PlainDate): boolean {
  const lunar = date.withCalendar("chinese");
  const tomorrow = lunar.add({ days: 1 });
  return (lunar.monthCode === "M01" && lunar.day <= 3) || (tomorrow.monthCode === "M01" && tomorrow.day === 1);
}

function receiptCount(date: Temporal.PlainDate, chance: Chance): number {
  const weekday = WEEKDAYS[date.dayOfWeek - 1] ?? 1;
  const month = MONTHS[date.month - 1] ?? 1;
  const expected = USUAL_RECEIPTS * weekday * month * (0.93 + 0.14 * chance.next());
  return Math.round(Math.min(MOST_RECEIPTS, Math.max(FEWEST_RECEIPTS, expected)));
}

/** In milliseconds since the shop opened, to the second. */
function timeAfterOpening(chance: Chance): number {
  return chance.pick(HOURS) * HOUR_MS + Math.floor(chance.next() * 3_600) * 1_000;
}

interface Selling {
  chance: Chance;
  toMinor: (vnd: number) => bigint;
}

function linesAt(time: number, { chance, toMinor }: Selling): DemoReceipt["lines"] {
  const weights = time < NOON_HOUR * HOUR_MS ? MORNING_WEIGHTS : LATER_WEIGHTS;
  const wanted = 1 + chance.pick([0.5, 0.85, 1]);
  const items = new Set<CatalogueItem>();
  for (let i = 0; i < wanted; i += 1) {
    const item = CATALOGUE[chance.pick(weights)];
    if (item) items.add(item);
  }
  const hasDiscount = chance.happens(0.07);
  return [...items].map((item) => {
    const quantity = quantityOf(item, chance);
    const total = (item.price * Number(quantity)) / 1_000;
    // A tenth off, in steps that any currency of the demo can express.
    const discount = hasDiscount ? Math.floor(total / 10 / 500) * 500 : 0;
    const unitCost = item.cost === null ? null : toMinor(item.cost);
    return { sku: item.sku, quantity, unitPrice: toMinor(item.price), discount: toMinor(discount), unitCost };
  });
}

/** In thousandths. */
function quantityOf(item: CatalogueItem, chance: Chance): bigint {
  if (item.byWeight) return [250n, 500n, 1_000n][chance.pick([0.5, 0.85, 1])] ?? 250n;
  if (item.price > 100_000) return 1_000n;
  return [1_000n, 2_000n, 3_000n][chance.pick([0.78, 0.96, 1])] ?? 1_000n;
}

/** The first line brought back a few minutes later, with what was paid for it. */
function refundOf(sale: DemoReceipt, chance: Chance): DemoReceipt {
  const soldAt = new Date(sale.soldAt.getTime() + (2 + Math.floor(chance.next() * 10)) * MINUTE_MS);
  const lines = sale.lines.slice(0, 1).map((line) => ({ ...line, quantity: -line.quantity }));
  return { receipt: `${sale.receipt}-R`, soldAt, lines };
}

/**
 * Amounts of the demo in the shop's currency: đồng as they are where it has no decimals, else 10,000 đồng as one unit, which
 * gives a coffee a price one has seen before.
 */
export function minorOf(currency: string): (vnd: number) => bigint {
  const factor = 10n ** BigInt(currencyDecimals(currency));
  return (vnd) => (factor === 1n ? BigInt(vnd) : (BigInt(vnd) * factor) / 10_000n);
}
