/** The sentences of the answer about one day, in English and Vietnamese. */

import type { Language } from "./language.ts";

interface Headline {
  readonly day: string;
  readonly revenue: string;
  readonly orders: string | null;
}

export interface RevenueWords {
  readonly language: Language;
  readonly thatDay: string;
  readonly failed: (day: string | null, reason: string) => string;
  readonly future: (day: string) => string;
  readonly notImported: (day: string, dataEnd: string | null) => string;
  readonly partlyImported: (dataEnd: string | null) => string;
  readonly noFigures: (day: string) => string;
  readonly noSales: (day: string) => string;
  readonly soFar: (day: string, asOf: string | null) => string;
  readonly headline: (headline: Headline) => string;
  readonly orders: (count: number) => string;
  readonly previous: (weekday: string) => string;
  readonly weekBefore: (weekday: string) => string;
  readonly comparisons: (list: string) => string;
  readonly profit: (amount: string) => string;
  readonly partlyProfit: (amount: string, uncosted: string) => string;
  readonly noProfit: (uncosted: string) => string;
  readonly uncosted: (products: number, amount: string | null) => string;
  readonly units: (count: string) => string;
  readonly averageOrder: (amount: string | null) => string | null;
  readonly discounts: (amount: string | null) => string | null;
  readonly refunds: (amount: string | null) => string | null;
}

/** Makes a phrase return null when its amount is missing. */
function ifKnown(phrase: (amount: string) => string): (amount: string | null) => string | null {
  return (amount) => (amount === null ? null : phrase(amount));
}

const inParentheses = (amount: string | null): string => (amount === null ? "" : ` (${amount})`);

const ENGLISH: RevenueWords = {
  language: "en",
  thatDay: "that day",
  failed: (day, reason) => `**Could not look up the revenue${day === null ? "" : ` of ${day}`}:** ${reason}`,
  future: (day) => `**${day} is in the future**, so there are no figures yet.`,
  notImported: (day, dataEnd) =>
    `**${day} has not been imported yet**, so its revenue is unknown${dataEnd === null ? "" : `: the data ends on ${dataEnd}`}.`,
  partlyImported: (dataEnd) =>
    `Only part of this day has been imported${dataEnd === null ? "" : ` (the data ends on ${dataEnd})`}.`,
  noFigures: (day) => `There are no figures for ${day}.`,
  noSales: (day) => `**No sales are recorded for ${day}**: the shop was closed, or they were not imported.`,
  soFar: (day, asOf) => `${day}, so far${asOf === null ? "" : ` (until ${asOf})`},`,
  headline: ({ day, revenue, orders }) => `${day} brought ${revenue}${orders === null ? "" : ` from ${orders}`}.`,
  orders: (count) => (count === 1 ? "1 order" : `${count} orders`),
  previous: (weekday) => weekday,
  weekBefore: (weekday) => `the ${weekday} before`,
  comparisons: (list) => `Compared with ${list}.`,
  profit: (amount) => `Gross profit: **${amount}**.`,
  partlyProfit: (amount, uncosted) => `Gross profit on products with a cost: **${amount}**; ${uncosted}.`,
  noProfit: (uncosted) => `The gross profit is unknown: ${uncosted}.`,
  uncosted: (products, amount) =>
    products === 1
      ? `1 product${inParentheses(amount)} has no cost yet`
      : `${products} products${inParentheses(amount)} have no cost yet`,
  units: (count) => `${count} units sold`,
  averageOrder: ifKnown((amount) => `average order ${amount}`),
  discounts: ifKnown((amount) => `discounts ${amount}`),
  refunds: ifKnown((amount) => `refunds ${amount}`),
};

const VIETNAMESE: RevenueWords = {
  language: "vi",
  thatDay: "ngày đó",
  failed: (day, reason) => `**Không xem được doanh thu${day === null ? "" : ` ${day}`}:** ${reason}`,
  future: (day) => `**${day} chưa đến**, nên chưa có số liệu.`,
  notImported: (day, dataEnd) =>
    `**${day} chưa được nhập số liệu**, nên chưa biết doanh thu${dataEnd === null ? "" : `: số liệu mới có đến ${dataEnd}`}.`,
  partlyImported: (dataEnd) => `Ngày này mới nhập một phần số liệu${dataEnd === null ? "" : ` (đến ${dataEnd})`}.`,
  noFigures: (day) => `Chưa có số liệu cho ${day}.`,
  noSales: (day) => `**Không ghi nhận đơn nào trong ngày ${day}**: quán nghỉ, hoặc số liệu chưa được nhập.`,
  soFar: (day, asOf) => `${day}, tính đến ${asOf ?? "lúc này"},`,
  headline: ({ day, revenue, orders }) => `${day} thu về ${revenue}${orders === null ? "" : ` từ ${orders}`}.`,
  orders: (count) => `${count} đơn`,
  previous: (weekday) => weekday,
  weekBefore: (weekday) => `${weekday} tuần trước đó`,
  comparisons: (list) => `So với ${list}.`,
  profit: (amount) => `Lợi nhuận gộp: **${amount}**.`,
  partlyProfit: (amount, uncosted) => `Lợi nhuận gộp của hàng đã có giá vốn: **${amount}**; ${uncosted}.`,
  noProfit: (uncosted) => `Chưa biết lợi nhuận gộp: ${uncosted}.`,
  uncosted: (products, amount) => `${products} mặt hàng${inParentheses(amount)} chưa có giá vốn`,
  units: (count) => `đã bán ${count} món`,
  averageOrder: ifKnown((amount) => `trung bình ${amount} mỗi đơn`),
  discounts: ifKnown((amount) => `giảm giá ${amount}`),
  refunds: ifKnown((amount) => `hoàn tiền ${amount}`),
};

export const REVENUE_WORDS: Readonly<Record<Language, RevenueWords>> = { en: ENGLISH, vi: VIETNAMESE };
