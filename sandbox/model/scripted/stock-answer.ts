/** The answer about stock, from the output of `CheckOutOfStock`. It copies figures and computes none. */

import type { JsonObject } from "../check-values.ts";
import { nameDay, parseDay, readClock } from "./day-names.ts";
import type { Language } from "./language.ts";
import { escapeMarkdown, readList, readNumber, readText, writeQuantity } from "./tool-output.ts";

export interface StockView {
  readonly language: Language;
  readonly today: Temporal.PlainDate;
}

/** Maximum number of listed products per group; the others are only counted. */
const MAX_PRODUCTS = 10;

export function writeStock(output: JsonObject, view: StockView): string {
  const words = WORDS[view.language];
  const error = readText(output, "error");
  if (error !== null) return words.failed(escapeMarkdown(error));
  const out = readGroup(output, "out_of_stock");
  const low = readGroup(output, "low_stock");
  return [
    words.headline(out.count, low.count),
    ...writeGroup(words.out, out, words),
    ...writeGroup(words.low, low, words),
    ...writeAdvice(out, words),
    ...writeTime(output, view, words),
  ].join("\n\n");
}

interface Group {
  readonly count: number;
  readonly products: readonly JsonObject[];
}

function readGroup(output: JsonObject, field: string): Group {
  const products = readList(output, field);
  return { count: readNumber(output, `${field}_count`) ?? products.length, products };
}

interface StockWords {
  readonly language: Language;
  readonly out: string;
  readonly low: string;
  readonly headline: (out: number, low: number) => string;
  readonly failed: (reason: string) => string;
  readonly more: (count: number) => string;
  readonly level: (stock: string, reorderLevel: string | null) => string;
  readonly pace: (soldADay: string) => string;
  readonly cover: (days: string) => string;
  readonly advice: (name: string, soldADay: string) => string;
  readonly asOf: (time: string) => string;
}

const WORDS: Readonly<Record<Language, StockWords>> = {
  en: {
    language: "en",
    out: "Out of stock:",
    low: "Running low:",
    headline: (out, low) => {
      if (out === 0 && low === 0) return "**Nothing is out of stock, and nothing is low.**";
      const first = out === 1 ? "1 product is out of stock" : `${out === 0 ? "No" : out} products are out of stock`;
      return `**${first}, ${low === 0 ? "none is low" : `${low} ${low === 1 ? "is" : "are"} low`}.**`;
    },
    failed: (reason) => `**Could not check the stock:** ${reason}`,
    more: (count) => `and ${count} more`,
    level: (stock, reorderLevel) => (reorderLevel === null ? stock : `${stock} of ${reorderLevel}`),
    pace: (soldADay) => `sells ${soldADay} a day`,
    cover: (days) => `lasts about ${days} ${days === "1" ? "day" : "days"}`,
    advice: (name, soldADay) => `Order **${name}** first: it sells ${soldADay} a day and none is left.`,
    asOf: (time) => `Stock as of ${time}.`,
  },
  vi: {
    language: "vi",
    out: "Đã hết:",
    low: "Sắp hết:",
    headline: (out, low) => {
      if (out === 0 && low === 0) return "**Không có mặt hàng nào hết hoặc sắp hết.**";
      const first = out === 0 ? "Không có mặt hàng nào hết" : `${out} mặt hàng đã hết`;
      return `**${first}, ${low === 0 ? "không có mặt hàng nào sắp hết" : `${low} mặt hàng sắp hết`}.**`;
    },
    failed: (reason) => `**Không kiểm tra được tồn kho:** ${reason}`,
    more: (count) => `và ${count} mặt hàng nữa`,
    level: (stock, reorderLevel) =>
      reorderLevel === null ? `còn ${stock}` : `còn ${stock} (mức đặt hàng lại ${reorderLevel})`,
    pace: (soldADay) => `bán ${soldADay} mỗi ngày`,
    cover: (days) => `đủ khoảng ${days} ngày`,
    advice: (name, soldADay) => `Nên đặt **${name}** trước: mỗi ngày bán ${soldADay} nhưng đã hết hàng.`,
    asOf: (time) => `Tồn kho tính đến ${time}.`,
  },
};

function writeGroup(title: string, group: Group, words: StockWords): string[] {
  const shown = group.products.slice(0, MAX_PRODUCTS);
  if (shown.length === 0) return [];
  const rest = group.count - shown.length;
  const lines = [...shown.map((product) => writeProduct(product, words)), ...(rest > 0 ? [words.more(rest)] : [])];
  return [`${title}\n\n${lines.map((line) => `- ${line}`).join("\n")}`];
}

function writeProduct(product: JsonObject, words: StockWords): string {
  const name = escapeMarkdown(readText(product, "name") ?? readText(product, "sku") ?? "?");
  const quantity = (field: string) => {
    const value = readNumber(product, field);
    return value === null ? null : writeQuantity(value, words.language);
  };
  const stock = quantity("stock");
  const soldADay = quantity("sold_a_day");
  const cover = readNumber(product, "stock") === 0 ? null : quantity("days_of_cover");
  const facts = [
    stock === null ? null : words.level(stock, quantity("reorder_level")),
    soldADay === null || soldADay === "0" ? null : words.pace(soldADay),
    cover === null ? null : words.cover(cover),
  ].filter((fact) => fact !== null);
  return facts.length === 0 ? `**${name}**` : `**${name}**: ${facts.join(", ")}`;
}

/** Advises to order the fastest-selling product that is out of stock. */
function writeAdvice(out: Group, words: StockWords): string[] {
  const pace = (product: JsonObject) => readNumber(product, "sold_a_day") ?? 0;
  const [first] = out.products.toSorted((one, other) => pace(other) - pace(one));
  const name = first === undefined ? null : readText(first, "name");
  if (first === undefined || name === null || pace(first) <= 0) return [];
  return [words.advice(escapeMarkdown(name), writeQuantity(pace(first), words.language))];
}

function writeTime(output: JsonObject, { today, language }: StockView, words: StockWords): string[] {
  const time = readText(output, "stock_as_of");
  if (time === null) return [];
  const isToday = parseDay(time)?.equals(today) ?? false;
  const parts = [readClock(time), isToday ? null : nameDay(time, today, language)].filter((part) => part !== null);
  return parts.length === 0 ? [] : [words.asOf(parts.join(", "))];
}
