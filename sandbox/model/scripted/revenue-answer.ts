/** The answer about one day, from the output of `CheckDailyRevenue`. It copies the formatted figures and computes none. */

import type { JsonObject } from "../check-values.ts";
import { nameDay, nameWeekday } from "./day-names.ts";
import type { Language } from "./language.ts";
import { REVENUE_WORDS, type RevenueWords } from "./revenue-words.ts";
import { escapeMarkdown, readNumber, readObject, readText, writeQuantity } from "./tool-output.ts";

export interface RevenueView {
  readonly language: Language;
  readonly today: Temporal.PlainDate;
  /** The formatted day; null if the output names none. */
  readonly dayName: string | null;
  /** Omits comparisons and details: used when the answer covers several days. */
  readonly isBrief: boolean;
}

export function writeRevenue(output: JsonObject, view: RevenueView): string {
  const words = REVENUE_WORDS[view.language];
  const day = capitalise(view.dayName ?? words.thatDay);
  const error = readText(output, "error");
  if (error !== null) return words.failed(view.dayName, escapeMarkdown(error));
  const status = readText(output, "status");
  if (status === "future") return words.future(day);
  if (status === "no_sales") return words.noSales(view.dayName ?? words.thatDay);
  if (status === "not_imported") return words.notImported(day, nameDataEnd(output, view));
  const sentences = [
    writeHeadline(output, day, words),
    status === "partly_imported" ? words.partlyImported(nameDataEnd(output, view)) : null,
    view.isBrief ? null : writeComparisons(output, view, words),
    writeProfit(output, words),
    view.isBrief ? null : writeDetails(output, words),
  ];
  return sentences.filter((sentence) => sentence !== null).join(" ");
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function nameDataEnd(output: JsonObject, { today, language }: RevenueView): string | null {
  const end = readText(output, "data_through");
  return end === null ? null : nameDay(end, today, language);
}

function writeHeadline(output: JsonObject, day: string, words: RevenueWords): string | null {
  const revenue = readText(output, "net_revenue_text");
  if (revenue === null) return words.noFigures(day);
  const asOf = readText(output, "as_of");
  const orders = readNumber(output, "orders");
  const isSoFar = readText(output, "status") === "so_far";
  return words.headline({
    day: isSoFar ? words.soFar(day, asOf) : day,
    revenue: `**${revenue}**`,
    orders: orders === null ? null : words.orders(orders),
  });
}

function writeComparisons(output: JsonObject, view: RevenueView, words: RevenueWords): string | null {
  const comparisons = [
    writeComparison(readObject(output, "previous_day"), words.previous, view),
    writeComparison(readObject(output, "same_weekday_last_week"), words.weekBefore, view),
  ].filter((comparison) => comparison !== null);
  return comparisons.length === 0 ? null : words.comparisons(comparisons.join("; "));
}

/** For example `Friday (2.055.000 ₫): −9 %`; null if that day has no figures. */
function writeComparison(
  other: JsonObject | null,
  name: (weekday: string) => string,
  view: RevenueView,
): string | null {
  const revenue = other === null ? null : readText(other, "net_revenue_text");
  if (other === null || revenue === null) return null;
  const weekday = nameWeekday(readText(other, "date") ?? "", view.language) ?? readText(other, "weekday");
  if (weekday === null) return null;
  const change = readText(other, "change_text");
  return change === null ? `${name(weekday)}: ${revenue}` : `${name(weekday)} (${revenue}): ${change}`;
}

function writeProfit(output: JsonObject, words: RevenueWords): string | null {
  const profit = readText(output, "gross_profit_text");
  const uncosted = readObject(output, "uncosted");
  const products = uncosted === null ? null : readNumber(uncosted, "products");
  const without =
    uncosted === null || !products ? null : words.uncosted(products, readText(uncosted, "net_revenue_text"));
  if (profit === null) return without === null ? null : words.noProfit(without);
  return without === null ? words.profit(profit) : words.partlyProfit(profit, without);
}

function writeDetails(output: JsonObject, words: RevenueWords): string | null {
  const amount = (field: string) => (readNumber(output, field) === 0 ? null : readText(output, `${field}_text`));
  const units = readNumber(output, "units");
  const details = [
    units === null ? null : words.units(writeQuantity(units, words.language)),
    words.averageOrder(readText(output, "average_order_value_text")),
    words.discounts(amount("discounts")),
    words.refunds(amount("refunds")),
  ].filter((detail) => detail !== null);
  return details.length === 0 ? null : `${capitalise(details.join(", "))}.`;
}
