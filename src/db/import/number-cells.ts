/**
 * Reads one number as spreadsheets write it, as far as the cell alone says what it means.
 *
 * `1.250` alone says nothing: the point is the decimal separator, or it separates thousands. `number-columns.ts` asks the other
 * cells of the column.
 */
import { BadInputError } from "../../errors.ts";
import { quoteCell } from "./import-error.ts";

export type Separator = "." | ",";

export type NumberCell =
  | {
      isClear: true;
      /** As a plain decimal: `-1250.5`. */
      decimal: string;
      /** The decimal separator that the cell proves, by having it or by separating thousands with the other one. */
      proves: Separator | undefined;
    }
  | {
      isClear: false;
      /** Decimal separator or thousands separator. */
      separator: Separator;
      /** The number if it separates thousands. Otherwise the number is a thousandth of it. */
      whole: string;
    };

/** No number of a shop is longer; the pattern below is slow on long texts. */
const MAX_CHARACTERS = 40;

/** `4.50` and `1.250`: nearly all cells, so they are tried first. */
const SIMPLE = /^(-?)(\d+)(?:([.,])(\d+))?$/;

/** Thousands are separated by one kind of space, apostrophe, point or comma. */
const GROUPED = /^([1-9]\d{0,2})([.,'’\p{Zs}])(\d{3}(?:\2\d{3})*)(?:(?!\2)([.,])(\d+))?$/u;

/** `1,25,000.50`, as it is written in India. */
const GROUPED_IN_PAIRS = /^([1-9]\d?)(,)(\d{2}(?:,\d{2})*,\d{3})(?:(\.)(\d+))?$/;

/**
 * Makes a reader that accepts these currency signs before or after the number, for example `₫` and `VND`. `groupsPairs`: the
 * shop's locale writes `1,25,000`. A minus may stand
 * before or after the number, and parentheses mean a minus, as in accounting. The reader throws a `BadInputError` for anything
 * else than a number.
 */
export function createNumberCellReader({
  currencySigns,
  groupsPairs,
}: {
  currencySigns: readonly string[];
  groupsPairs: boolean;
}): (cell: string) => NumberCell {
  const dressed = dressedNumber(currencySigns);
  return (cell) => {
    const simple = SIMPLE.exec(cell);
    const [, sign = "", whole = "", separator, fraction = ""] = simple ?? SIMPLE.exec(undress(cell, dressed)) ?? [];
    if (whole === "") return readGrouped(cell, undress(cell, dressed), groupsPairs);
    if (/^0\d/.test(whole)) {
      throw new BadInputError(
        `${quoteCell(cell)} begins with a zero: remove it, or put quotes around a number that contains the separator`,
      );
    }
    if (separator !== "." && separator !== ",") return { isClear: true, decimal: sign + whole, proves: undefined };
    if (fraction.length === 3 && /^[1-9]\d{0,2}$/.test(whole)) {
      return { isClear: false, separator, whole: sign + whole + fraction };
    }
    return { isClear: true, decimal: `${sign}${whole}.${fraction}`, proves: separator };
  };
}

/** What to write instead of an unclear cell. */
export function describeAmbiguity(cell: string, whole: string): string {
  const asDecimal = `${whole.slice(0, -3)}.${whole.slice(-3)}`.replace(/\.?0+$/, "");
  return `${quoteCell(cell)} is ambiguous: write ${whole} or ${asDecimal}`;
}

function readGrouped(cell: string, text: string, groupsPairs: boolean): NumberCell {
  const sign = text.startsWith("-") ? "-" : "";
  const digits = text.slice(sign.length);
  const match = GROUPED.exec(digits) ?? (groupsPairs ? GROUPED_IN_PAIRS.exec(digits) : null);
  if (!match) throw new BadInputError(`${quoteCell(cell)} is not a plain number such as 187000 or 4.50`);
  const [, first = "", group, others = "", separator, fraction] = match;
  const whole = sign + first + others.replace(/\D/g, "");
  const proves = separator ?? (group === "." ? "," : group === "," ? "." : undefined);
  return {
    isClear: true,
    decimal: fraction === undefined ? whole : `${whole}.${fraction}`,
    proves: proves === "." || proves === "," ? proves : undefined,
  };
}

/** A number with its sign, parentheses or currency. At each place there is at most one of them. */
function dressedNumber(currencySigns: readonly string[]): RegExp {
  const currency = `(?:${currencySigns.map(RegExp.escape).join("|") || "(?!)"})?`;
  const number = "(?<number>\\d(?:[\\d.,'’\\p{Zs}]*\\d)?)";
  const before = `${currency}\\s*(?<minus>-?)\\s*${currency}\\s*(?<open>\\(?)\\s*${currency}\\s*(?<innerMinus>-?)\\s*`;
  const after = `\\s*${currency}\\s*(?<trailingMinus>-?)\\s*(?<close>\\)?)\\s*${currency}`;
  return new RegExp(`^${before}${number}${after}$`, "iu");
}

/** The number with a minus in front, if any, in ASCII digits and signs. Other texts as they are. */
function undress(cell: string, dressed: RegExp): string {
  if (cell.length > MAX_CHARACTERS) return cell;
  const { number, minus, open, close, innerMinus, trailingMinus } = dressed.exec(toAscii(cell))?.groups ?? {};
  if (number === undefined || (open === "(") !== (close === ")")) return cell;
  const signs = [minus, open, innerMinus, trailingMinus].filter(Boolean);
  return signs.length > 1 ? cell : (signs.length === 1 ? "-" : "") + number;
}

/** Full-width forms, as Japanese and Chinese keyboards type them, and the minus sign of mathematics. */
function toAscii(cell: string): string {
  return cell
    .replace(/[\uFF01-\uFF5E]/g, (character) => String.fromCharCode(character.charCodeAt(0) - 0xfee0))
    .replaceAll("\uFFE5", "¥")
    .replaceAll("\u2212", "-");
}
