/**
 * Reads numbers as spreadsheets write them, without guessing.
 *
 * A plain decimal (`187000`, `4.50`) always means itself. The shop's locale adds its decimal comma and its thousands
 * separators. An ambiguous number is rejected, because a wrong guess would be off by a factor of 1000: in a locale such as
 * vi-VN, `187.000` is 187 as a plain decimal, and 187000 as people write it. There is one exception. Quantities often have
 * three decimals (numeric(12,3)), so a quantity's only separator is the decimal separator when it is the file's own: the
 * point in a comma-separated file, the locale's comma in any other.
 */
import { BadInputError } from "../../errors.ts";
import { minorToDecimal, parseMinor, parseQuantity } from "../../shop/money.ts";
import type { Shop } from "../../shop/shop.ts";
import type { Delimiter } from "./csv-header.ts";
import { quoteCell } from "./import-error.ts";

/** In minor units. A line's total with the largest quantity still fits into a 64-bit integer. */
const MAX_AMOUNT = 9_000_000_000n;

/** In thousandths: the limit of numeric(12,3). */
const MAX_QUANTITY = 999_999_999_999n;

const PLAIN = /^-?\d+(?:\.\d+)?$/;
const AMBIGUOUS = /^-?[1-9]\d{0,2}[.,]\d{3}$/;

export interface NumberReader {
  /** A price, cost or discount in minor units, never negative. `BadInputError` says what to write. */
  amount(cell: string): bigint;
  /** A quantity in thousandths. `BadInputError` says what to write. */
  quantity(cell: string, delimiter: Delimiter): bigint;
}

export function createNumberReader(shop: Shop): NumberReader {
  const separators = readSeparators(shop.locale);
  return {
    amount(cell) {
      const amount = parseMinor(plainDecimal(cell, separators), shop.currency);
      if (amount < 0n) throw new BadInputError(`${quoteCell(cell)} is negative: only a quantity may be negative`);
      if (amount > MAX_AMOUNT) {
        throw new BadInputError(
          `${quoteCell(cell)} is more than the maximum of ${minorToDecimal(MAX_AMOUNT, shop.currency)}`,
        );
      }
      return amount;
    },
    quantity(cell, delimiter) {
      const quantity = parseQuantity(plainDecimal(cell, separators, delimiter === "," ? "." : ","));
      if (quantity > MAX_QUANTITY || quantity < -MAX_QUANTITY) {
        throw new BadInputError(
          `${quoteCell(cell)} is out of range: a quantity has at most 9 digits before the decimal point`,
        );
      }
      return quantity;
    },
  };
}

interface Separators {
  decimal: string;
  group: string;
  /** Matches a number with thousands separators, with or without decimals. */
  grouped: RegExp;
}

function readSeparators(locale: string): Separators {
  const parts = new Intl.NumberFormat(locale, { numberingSystem: "latn" }).formatToParts(1_234_567.5);
  const separator = (type: string, fallback: string) => parts.find((part) => part.type === type)?.value ?? fallback;
  const [decimal, group] = [separator("decimal", "."), separator("group", ",")];
  // Spaces of any kind separate thousands in any locale: they cannot mean anything else.
  const grouped = new RegExp(
    `^-?[1-9]\\d{0,2}(?:[\\s${RegExp.escape(group)}]\\d{3})+(?:${RegExp.escape(decimal)}\\d+)?$`,
  );
  return { decimal, group, grouped };
}

/** The number as a plain decimal. `certain` is a decimal separator even when three digits follow. */
function plainDecimal(cell: string, { decimal, group, grouped }: Separators, certain?: string): string {
  const text = cell.replace("\u2212", "-");
  const separator = text.at(-4);
  const couldGroup = decimal === "," && (separator === "," || separator === group);
  if (AMBIGUOUS.test(text) && separator !== certain && couldGroup) throw new BadInputError(describeAmbiguity(text));
  if (PLAIN.test(text)) return text;
  if (decimal === "," && /^-?\d+,\d+$/.test(text)) return text.replace(",", ".");
  if (grouped.test(text)) {
    const [whole = "", fraction] = text.split(decimal);
    return whole.replace(/[^-\d]/g, "") + (fraction ? `.${fraction}` : "");
  }
  throw new BadInputError(`${quoteCell(cell)} is not a plain number such as 187000 or 4.50`);
}

function describeAmbiguity(text: string): string {
  const asWhole = text.replace(/[.,]/, "");
  const asDecimal = text.replace(",", ".").replace(/\.?0+$/, "");
  return `${quoteCell(text)} is ambiguous: write ${asWhole} or ${asDecimal}`;
}
