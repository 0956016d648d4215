/**
 * Money as integers in the currency's minor unit (bigint), never as floats: parsing, rounding and formatting.
 *
 * It knows nothing of products or sales.
 */
import { BadInputError } from "../errors.ts";

/** Quantities are stored as numeric(12,3): in thousandths they are exact integers. */
export const QUANTITY_SCALE = 3;
const QUANTITY_FACTOR = 10n ** BigInt(QUANTITY_SCALE);

const fractionDigits = new Map<string, number>();

/** The number of decimals of the currency: 0 for VND, 2 for USD. Source: the CLDR data of `Intl`. */
export function currencyDecimals(currency: string): number {
  let digits = fractionDigits.get(currency);
  if (digits === undefined) {
    const options = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
    digits = options.maximumFractionDigits ?? 2;
    fractionDigits.set(currency, digits);
  }
  return digits;
}

/** A plain decimal (`"187000"`, `"-4.50"`) as minor units. `BadInputError` for more decimals than the currency has. */
export function parseMinor(decimal: string, currency: string): bigint {
  return parseScaled(decimal, currencyDecimals(currency), currency);
}

/** A plain decimal quantity as thousandths. `BadInputError` for more than three decimals. */
export function parseQuantity(decimal: string): bigint {
  return parseScaled(decimal, QUANTITY_SCALE, "a quantity");
}

/** Thousandths as the plain decimal that numeric(12,3) stores, such as `"1.500"`. */
export function quantityText(thousandths: bigint): string {
  return decimalText(thousandths, QUANTITY_SCALE);
}

/** quantity (thousandths) x unit price (minor units), rounded half away from zero to whole minor units. */
export function lineAmount(quantityThousandths: bigint, unitMinor: bigint): bigint {
  return divideRounded(quantityThousandths * unitMinor, QUANTITY_FACTOR);
}

/** `amount / parts` rounded half away from zero; `parts` must not be 0. */
export function divideRounded(amount: bigint, parts: bigint): bigint {
  const negative = amount < 0n !== parts < 0n;
  const [a, b] = [abs(amount), abs(parts)];
  const rounded = (a * 2n + b) / (b * 2n);
  return negative ? -rounded : rounded;
}

/** Minor units as a plain decimal: `187000` in VND, `4.50` in USD. Exact. */
export function minorToDecimal(minor: bigint, currency: string): string {
  return decimalText(minor, currencyDecimals(currency));
}

/** Minor units as text in the shop's locale, such as `187.000 ₫`. Exact for any size, because `Intl` formats a decimal string. */
export function formatMoney(minor: bigint, shop: { locale: string; currency: string }): string {
  const format = new Intl.NumberFormat(shop.locale, { style: "currency", currency: shop.currency });
  return format.format(minorToDecimal(minor, shop.currency) as Intl.StringNumericLiteral);
}

/** The change from `before` to `now` in percent with one decimal; null when `before` is 0. */
export function changePercent(now: bigint, before: bigint): number | null {
  if (before === 0n) return null;
  return Number(divideRounded((now - before) * 1000n, abs(before))) / 10;
}

function parseScaled(decimal: string, digits: number, unit: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (!match) throw new BadInputError(`"${decimal}" is not a plain decimal number`);
  const [, sign = "", whole = "", fraction = ""] = match;
  const significant = fraction.replace(/0+$/, "");
  if (significant.length > digits)
    throw new BadInputError(`"${decimal}" has more decimals than ${unit} allows (${digits})`);
  const minor = BigInt(whole + significant.padEnd(digits, "0"));
  return sign === "-" ? -minor : minor;
}

function decimalText(scaled: bigint, digits: number): string {
  const sign = scaled < 0n ? "-" : "";
  const text = abs(scaled)
    .toString()
    .padStart(digits + 1, "0");
  if (digits === 0) return sign + text;
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}
