/**
 * The revenue tool: the figures of one day, compared with the day before and the same weekday a week earlier.
 *
 * Sales that are not imported are unknown, never 0: the status says how much of the day is known. The output has all amounts
 * as plain decimals and as text in the shop's locale, and all changes in percent, so that the model formats and computes
 * nothing.
 */
import { z } from "zod";
import { findSalesCoverage, getRevenue, type RevenueFigures, type SalesCoverage } from "../db/queries/shop/revenue.ts";
import { clockAt, dateAt, daySpan, instantAt, isoAt, type Span, timeAt, weekdayOf } from "../shop/calendar.ts";
import { changePercent, divideRounded, formatMoney, minorToDecimal } from "../shop/money.ts";
import type { StaffRole } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";
import { defineTool, type ToolContext, type ToolOutput } from "./tool.ts";

export const DailyRevenueInput = z.strictObject({
  date: z.iso
    .date("must be a calendar date in the form YYYY-MM-DD")
    .describe("Day in the shop's time zone, YYYY-MM-DD"),
});

/** How much of a day is known. */
type DayStatus = "complete" | "no_sales" | "so_far" | "partly_imported" | "not_imported" | "future";

interface DayCoverage {
  date: Temporal.PlainDate;
  status: DayStatus;
  /** The known part of the day; null when nothing is known. */
  span: Span | null;
  /** The last known instant of a day that is not complete. */
  knownUntil?: Date;
  /** What the status means for this day, for the model. */
  note: string;
}

/** Creates the tool; only `allowedRoles` may use it. */
export function createCheckDailyRevenue(allowedRoles: readonly StaffRole[]) {
  return defineTool({
    name: "CheckDailyRevenue",
    description:
      "Revenue, profit, orders and units of one day, compared with the day before and the same weekday a week earlier. Use for any question about how a day went; call it once for each day asked about.",
    label: { en: "Checking sales", vi: "Đang kiểm tra doanh thu" },
    input: DailyRevenueInput,
    allowedRoles,
    execute: ({ date }, context) => describeDay(Temporal.PlainDate.from(date), context),
  });
}

async function describeDay(date: Temporal.PlainDate, { db, shop, now }: ToolContext): Promise<ToolOutput> {
  const coverage = await findSalesCoverage(db);
  const day = findDayCoverage(date, { coverage, shop, now });
  const head = {
    date: date.toString(),
    weekday: weekdayOf(date),
    status: day.status,
    note: day.note,
    currency: shop.currency,
    data_through: coverage && isoAt(coverage.lastSaleAt, shop.timeZone),
  };
  if (!day.span) return head;

  const figures = await getRevenue(db, day.span);
  if (day.status === "complete" && isEmpty(figures)) return { ...head, ...NO_SALES, orders: 0 };
  const compare = async (days: number) => {
    const before = findDayCoverage(date.subtract({ days }), { coverage, shop, now });
    const span = sameTimeOfDay(before, day, shop);
    return describeChange(before, figures, span && (await getRevenue(db, span)), shop);
  };
  return {
    ...head,
    ...(day.status === "so_far" && day.knownUntil ? { as_of: clockAt(day.knownUntil, shop.timeZone) } : {}),
    ...describeFigures(figures, shop),
    previous_day: await compare(1),
    same_weekday_last_week: await compare(7),
  };
}

/** For a day without sales between days with sales: the shop was closed, or a file is missing, so this is not zero. */
const NO_SALES = {
  status: "no_sales",
  note: "No sales are recorded for this day: the shop was closed, or its sales were not imported. The revenue is unknown, not zero.",
} satisfies { status: DayStatus; note: string };

function isEmpty({ orders, refunds, grossSales }: RevenueFigures): boolean {
  return orders === 0 && refunds === 0n && grossSales === 0n;
}

function findDayCoverage(
  date: Temporal.PlainDate,
  { coverage, shop, now }: { coverage: SalesCoverage | null; shop: Shop; now: Date },
): DayCoverage {
  const today = dateAt(now, shop.timeZone);
  const unknown = (status: DayStatus, note: string): DayCoverage => ({ date, status, span: null, note });
  if (Temporal.PlainDate.compare(date, today) > 0)
    return unknown("future", `${date} is in the future: today is ${today}.`);
  if (!coverage) return unknown("not_imported", "No sales are imported yet.");

  const span = daySpan(date, shop.timeZone);
  const end = isoAt(coverage.lastSaleAt, shop.timeZone);
  if (span.from > coverage.lastSaleAt) {
    return unknown(
      "not_imported",
      `Sales of ${date} are not imported yet: imported sales end at ${end}. The revenue is unknown, not zero.`,
    );
  }
  if (span.until <= coverage.firstSaleAt) {
    return unknown(
      "not_imported",
      `Imported sales begin on ${dateAt(coverage.firstSaleAt, shop.timeZone)}: earlier days are unknown, not zero.`,
    );
  }
  // Sales may be dated up to a day after `now`: today's figures include only the past.
  const knownUntil = coverage.lastSaleAt < now ? coverage.lastSaleAt : now;
  const known = { date, span: upTo(span, knownUntil), knownUntil };
  const clock = clockAt(knownUntil, shop.timeZone);
  if (date.equals(today)) return { ...known, status: "so_far", note: `Today so far, until ${clock}.` };
  if (coverage.lastSaleAt < span.until && coverage.importedAt < span.until) {
    const note = `Imported up to ${clock} of that day: later sales are not imported yet.`;
    return { ...known, status: "partly_imported", note };
  }
  return { date, status: "complete", span, note: "The whole day." };
}

/** The span up to and including the instant `last`. */
function upTo({ from }: Span, last: Date): Span {
  return { from, until: new Date(last.getTime() + 1) };
}

/** A day that is not complete is compared with the same part of an earlier day, up to the same time of day. */
function sameTimeOfDay(before: DayCoverage, day: DayCoverage, shop: Shop): Span | null {
  if (!before.span || !day.knownUntil) return before.span;
  return upTo(before.span, instantAt(before.date, timeAt(day.knownUntil, shop.timeZone), shop.timeZone));
}

function describeFigures(figures: RevenueFigures, shop: Shop) {
  const { orders, netRevenue } = figures;
  return {
    orders,
    units: figures.units,
    ...amount("gross_sales", figures.grossSales, shop),
    ...amount("discounts", figures.discounts, shop),
    ...amount("refunds", figures.refunds, shop),
    ...amount("net_revenue", netRevenue, shop),
    ...amount("cost_of_goods", figures.costOfGoods, shop),
    ...amount("gross_profit", figures.grossProfit, shop),
    uncosted: { products: figures.uncosted.products, ...amount("net_revenue", figures.uncosted.netRevenue, shop) },
    ...amount("average_order_value", orders === 0 ? null : divideRounded(netRevenue, BigInt(orders)), shop),
  };
}

function describeChange(before: DayCoverage, now: RevenueFigures, then: RevenueFigures | null, shop: Shop) {
  const head = { date: before.date.toString(), weekday: weekdayOf(before.date), status: before.status };
  if (!then) return { ...head, note: before.note };
  if (before.status === "complete" && isEmpty(then)) return { ...head, ...NO_SALES };
  const percent = changePercent(now.netRevenue, then.netRevenue);
  return {
    ...head,
    ...amount("net_revenue", then.netRevenue, shop),
    change_percent: percent,
    change_text: percent === null ? null : percentText(percent, shop),
  };
}

function amount(name: string, minor: bigint | null, shop: Shop): Record<string, number | string | null> {
  if (minor === null) return { [name]: null, [`${name}_text`]: null };
  return { [name]: Number(minorToDecimal(minor, shop.currency)), [`${name}_text`]: formatMoney(minor, shop) };
}

function percentText(percent: number, shop: Shop): string {
  const format = new Intl.NumberFormat(shop.locale, {
    style: "percent",
    signDisplay: "exceptZero",
    maximumFractionDigits: 1,
  });
  return format.format(percent / 100);
}
