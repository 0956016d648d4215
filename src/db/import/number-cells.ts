/**
 * Numbers as spreadsheets write them, read without guessing.
 *
 * A plain decimal (`187000`, `4.50`) always means itself. The shop's locale adds its decimal comma and its thousands
 * separators. What could be read in two ways is refused, since either guess would be wrong by a factor of 1000: in a
 * locale such as vi-VN, `187.000` is 187 as a plain decimal and 187000 as a person writes it. One exception: the
 * decimals of a quantity often are three (it is numeric(12,3)), so a quantity's single separator is its decimal sign
 * where it is that of the file: the point in a comma-separated file, the locale's comma in any other.
 */
import { BadInputError } from "../../errors.ts";
import { minorToDecimal, parseMinor, parseQuantity } from "../../shop/money.ts";
import type { Shop } from "../../shop/shop.ts";
import type { Delimiter } from "./csv-header.ts";
import { quoteCell } from "./import-error.ts";

/** In minor units. With the largest quantity, a line's total still fits into a 64-bit integer. */
const MAX_AMOUNT = 9_000_000_000n;

/** In thousandths: the bound of numeric(12,3). */
const MAX_QUANTITY = 999_999_999_999n;

const PLAIN = /^-?\d+(?:\.\d+)?$/;
const TWO_READINGS = /^-?[1-9]\d{0,2}[.,]\d{3}$/;

export interface NumberReader {
  /** A price, cost or discount in minor units, never negative. `BadInputError` says how to write it. */
  amount(cell: string): bigint;
  /** A quantity in thousandths. `BadInputError` says how to write it. */
  quantity(cell: string, delimiter: Delimiter): bigint;
}

export function createNumberReader(shop: Shop): NumberReader {
  const separators = separatorsOf(shop.locale);
  return {
    amount(cell) {
      const amount = parseMinor(plainDecimal(cell, separators), shop.currency);
      if (amount < 0n) throw new BadInputError(`${quoteCell(cell)} is negative: only a quantity may be`);
      if (amount > MAX_AMOUNT) {
        throw new BadInputError(`${quoteCell(cell)} is more than ${minorToDecimal(MAX_AMOUNT, shop.currency)}`);
      }
      return amount;
    },
    quantity(cell, delimiter) {
      const quantity = parseQuantity(plainDecimal(cell, separators, delimiter === "," ? "." : ","));
      if (quantity > MAX_QUANTITY || quantity < -MAX_QUANTITY) {
        throw new BadInputError(
          `${quoteCell(cell)} is out of bounds: a quantity has at most 9 digits before the point`,
        );
      }
      return quantity;
    },
  };
}

interface Separators {
  decimal: string;
  group: string;
  /** A number with thousands separators, and decimals or not. */
  grouped: RegExp;
}

function separatorsOf(locale: string): Separators {
  const parts = new Intl.NumberFormat(locale, { numberingSystem: "latn" }).formatToParts(1_234_567.5);
  const sign = (type: string, otherwise: string) => parts.find((part) => part.type === type)?.value ?? otherwise;
  const [decimal, group] = [sign("decimal", "."), sign("group", ",")];
  // Spaces of any kind group in any locale: they can mean nothing else.
  const grouped = new RegExp(
    `^-?[1-9]\\d{0,2}(?:[\\s${RegExp.escape(group)}]\\d{3})+(?:${RegExp.escape(decimal)}\\d+)?$`,
  );
  return { decimal, group, grouped };
}

/** The number as a plain decimal. `trusted` is the sign that is a decimal sign even before three digits. */
function plainDecimal(cell: string, { decimal, group, grouped }: Separators, trusted?: string): string {
  const text = cell.replace("\u2212", "-");
  const sign = text.at(-4);
  if (TWO_READINGS.test(text) && sign !== trusted && (decimal === "," ? sign === "," || sign === group : false)) {
    throw new BadInputError(twoReadings(text));
  }
  if (PLAIN.test(text)) return text;
  if (decimal === "," && /^-?\d+,\d+$/.test(text)) return text.replace(",", ".");
  if (grouped.test(text)) {
    const [whole = "", fraction] = text.split(decimal);
    return whole.replace(/[^-\d]/g, "") + (fraction ? `.${fraction}` : "");
  }
  throw new BadInputError(`${quoteCell(cell)} is not a plain number such as 187000 or 4.50`);
}

function twoReadings(text: string): string {
  const asWhole = text.replace(/[.,]/, "");
  const asDecimal = text.replace(",", ".").replace(/\.?0+$/, "");
  return `${quoteCell(text)} can be read as ${asWhole} and as ${asDecimal}: write the one that is meant`;
}
