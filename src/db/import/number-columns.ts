/**
 * Reads the columns of numbers of one file, and settles their unclear numbers (`1.250`) by the rules of `number-meaning.ts`.
 *
 * The last row of a file may decide about the first. So rows are staged under one reading, each unclear number with a mark, and
 * after the last row the marked ones are corrected or refused.
 */
import { BadInputError } from "../../errors.ts";
import { currencyDecimals, minorToDecimal, parseMinor, parseQuantity } from "../../shop/money.ts";
import type { Shop } from "../../shop/shop.ts";
import type { Delimiter } from "./csv-header.ts";
import { createFaultSample, type FaultSample, quoteCell } from "./import-error.ts";
import { createNumberCellReader, describeAmbiguity, type Separator } from "./number-cells.ts";
import { type Meaning, meaningOf, type Surroundings } from "./number-meaning.ts";

/** In minor units. A line's total with the largest quantity still fits into a 64-bit integer. */
const MAX_AMOUNT = 9_000_000_000n;

/** In thousandths: the limit of numeric(12,3). */
const MAX_QUANTITY = 999_999_999_999n;

/** Signs that people use and `Intl` does not know. */
const OTHER_SIGNS: Readonly<Record<string, readonly string[]>> = { VND: ["đ", "vnđ"], INR: ["Rs.", "Rs"] };

/** Reads a cell. `BadInputError` says what to write. An unclear number is returned under one of its readings. */
export type NumberReader = (cell: string, row: { line: number; delimiter: Delimiter }) => bigint;

export interface NumberColumns {
  /** A column of prices, costs or discounts: in minor units, never negative. */
  amount(column: string): NumberReader;
  /** A column of quantities: in thousandths. */
  quantity(column: string): NumberReader;
  /** The marks of the unclear numbers of a line, as PostgreSQL writes a text[]; null without any. */
  marksOf(line: number): string | null;
  /** Call it after the last row. One settlement for each mark. */
  settle(): Settlement[];
}

/** What is to be done with the numbers of a mark. */
export interface Settlement {
  column: string;
  mark: string;
  /** What they must be multiplied by. */
  factor: "1" | "1000" | "0.001";
  /** When it has a fault, none of the rows can be stored. */
  faults: FaultSample;
}

interface Column {
  name: string;
  isQuantity: boolean;
  proven: Set<Separator>;
  hasPlain: boolean;
  unclear: Map<Separator, UnclearNumbers>;
}

interface UnclearNumbers {
  /** The reading that is staged. */
  staged: Meaning;
  lastLine: number;
  ambiguous: FaultSample;
  /** Those that would have too many decimals. */
  tooExact: FaultSample;
}

export function createNumberColumns(shop: Shop): NumberColumns {
  const { currency } = shop;
  const groupsPairs = new Intl.NumberFormat(shop.locale, { numberingSystem: "latn" }).format(1_234_567) === "12,34,567";
  const columns: Column[] = [];
  const file = { locale: readSeparators(shop.locale), currencyDecimals: currencyDecimals(currency) };
  let delimiter: Delimiter = ",";
  let lastUnclearLine = 0;

  const surroundings = (column: Column): Surroundings => ({
    ...file,
    delimiter,
    others: columns.filter((other) => other !== column),
  });

  function addColumn(name: string, parse: (cell: string, decimal: string) => bigint, signs?: string[]): NumberReader {
    const column: Column = { name, isQuantity: !signs, proven: new Set(), hasPlain: false, unclear: new Map() };
    const readCell = createNumberCellReader({ currencySigns: signs ?? [], groupsPairs });
    columns.push(column);
    return (cell, row) => {
      delimiter = row.delimiter;
      const number = readCell(cell);
      if (number.isClear) {
        if (number.proves) column.proven.add(number.proves);
        else if (!/[.,'’\p{Zs}]/u.test(cell)) column.hasPlain = true;
        return parse(cell, number.decimal);
      }
      const value = parse(cell, number.whole);
      const unclear = unclearIn(column, number.separator);
      const fault = (reason: string) => ({ line: row.line, column: name, reason });
      unclear.lastLine = row.line;
      lastUnclearLine = row.line;
      unclear.ambiguous.add(() => fault(describeAmbiguity(cell, number.whole)));
      if (value % 1000n !== 0n) unclear.tooExact.add(() => fault(describeTooExact(cell, shop)));
      return unclear.staged === "decimal" ? value / 1000n : value;
    };
  }

  function unclearIn(column: Column, separator: Separator): UnclearNumbers {
    const found = column.unclear.get(separator);
    if (found) return found;
    // Most likely the final reading: then no row has to be corrected.
    const staged = meaningOf(separator, column, surroundings(column)) ?? "thousands";
    const first = { staged, lastLine: 0, ambiguous: createFaultSample(), tooExact: createFaultSample() };
    column.unclear.set(separator, first);
    return first;
  }

  return {
    amount: (name) => addColumn(name, (cell, decimal) => toAmount(cell, decimal, currency), currencySigns(shop)),
    quantity: (name) => addColumn(name, toQuantity),
    marksOf(line) {
      if (line !== lastUnclearLine) return null;
      const marks = columns.flatMap((column) =>
        [...column.unclear].flatMap(([separator, { lastLine }]) =>
          lastLine === line ? [`"${markOf(column, separator)}"`] : [],
        ),
      );
      return `{${marks.join(",")}}`;
    },
    settle: () =>
      columns.flatMap((column) =>
        [...column.unclear].map(([separator, unclear]) => {
          const meaning = meaningOf(separator, column, surroundings(column));
          return { column: column.name, mark: markOf(column, separator), ...settleAs(meaning, unclear) };
        }),
      ),
  };
}

function settleAs(meaning: Meaning | undefined, unclear: UnclearNumbers): Pick<Settlement, "factor" | "faults"> {
  if (!meaning) return { factor: "1", faults: unclear.ambiguous };
  const faults = meaning === "decimal" ? unclear.tooExact : createFaultSample();
  if (meaning === unclear.staged) return { factor: "1", faults };
  return { factor: meaning === "decimal" ? "0.001" : "1000", faults };
}

function markOf({ name }: Column, separator: Separator): string {
  return `${name}${separator}`;
}

function toAmount(cell: string, decimal: string, currency: string): bigint {
  const amount = parseMinor(decimal, currency);
  if (amount < 0n) throw new BadInputError(`${quoteCell(cell)} is negative: only a quantity may be negative`);
  if (amount > MAX_AMOUNT) {
    throw new BadInputError(`${quoteCell(cell)} is more than the maximum of ${minorToDecimal(MAX_AMOUNT, currency)}`);
  }
  return amount;
}

function toQuantity(cell: string, decimal: string): bigint {
  const quantity = parseQuantity(decimal);
  if (quantity > MAX_QUANTITY || quantity < -MAX_QUANTITY) {
    throw new BadInputError(
      `${quoteCell(cell)} is out of range: a quantity has at most 9 digits before the decimal point`,
    );
  }
  return quantity;
}

function describeTooExact(cell: string, { currency }: Shop): string {
  return `${quoteCell(cell)} has more decimals than ${currency} allows (${currencyDecimals(currency)})`;
}

function readSeparators(locale: string): Surroundings["locale"] {
  const parts = new Intl.NumberFormat(locale, { numberingSystem: "latn" }).formatToParts(1_234_567.5);
  const separator = (type: string, fallback: string) => parts.find((part) => part.type === type)?.value ?? fallback;
  return { decimal: separator("decimal", "."), thousands: separator("group", ",") };
}

/** How the shop's currency is written: `₫` and `VND`. */
function currencySigns({ currency, locale }: Shop): string[] {
  const signs = [locale, "en"].flatMap((language) =>
    (["symbol", "narrowSymbol", "code"] as const).map(
      (currencyDisplay) =>
        new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay })
          .formatToParts(0)
          .find(({ type }) => type === "currency")?.value ?? currency,
    ),
  );
  return [...new Set([...signs, ...(OTHER_SIGNS[currency] ?? [])])];
}
