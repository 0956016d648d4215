/**
 * What the point or comma of an unclear number means (`1.250`): pure rules, which know the column, the file and the shop.
 *
 * Point and comma mean the same in a whole column: a cell with one reading (`1.250.000`, `4,50`, `0.500`) proves it for the
 * others. Where no cell proves it, or cells contradict each other, nothing is guessed, because a wrong guess is off by a
 * factor of 1000. Only what the shop's locale and the file agree on needs no proof.
 */
import type { Delimiter } from "./csv-header.ts";
import type { Separator } from "./number-cells.ts";

export type Meaning = "decimal" | "thousands";

export interface ColumnEvidence {
  isQuantity: boolean;
  /** The decimal separators that cells of the column prove. */
  proven: ReadonlySet<Separator>;
  /** Whether a cell has no separator. */
  hasPlain: boolean;
}

export interface Surroundings {
  /** The file's other columns of numbers. */
  others: readonly ColumnEvidence[];
  delimiter: Delimiter;
  /** The separators of the shop's locale. */
  locale: { decimal: string; thousands: string };
  /** Decimals of the shop's currency. */
  currencyDecimals: number;
}

/** The meaning of the separator in the column's unclear numbers; undefined when they have to be refused. */
export function meaningOf(separator: Separator, column: ColumnEvidence, file: Surroundings): Meaning | undefined {
  return column.isQuantity ? meaningInQuantities(separator, column, file) : meaningInAmounts(separator, column, file);
}

function meaningInAmounts(
  separator: Separator,
  { proven }: ColumnEvidence,
  { locale, currencyDecimals }: Surroundings,
): Meaning | undefined {
  const own = provenMeaning(separator, proven);
  // Nobody writes 25 dong or yen as 25.000, so more likely another cell is wrong.
  if (own === "decimal" && currencyDecimals === 0) return undefined;
  if (proven.size > 0) return own;
  // Amounts are not written with three decimals, if the currency has two or none.
  return separator === "," && groupsByComma(locale) && currencyDecimals < 3 ? "thousands" : undefined;
}

/**
 * Quantities often have three decimals (numeric(12,3)): tills write `1.000`. So the usual meaning is the decimal one, unless
 * another column contradicts. Thousands are rare: they are taken only where the locale writes them so.
 */
function meaningInQuantities(separator: Separator, column: ColumnEvidence, file: Surroundings): Meaning | undefined {
  const usual = usualInQuantities(separator, column, file);
  const evidence = column.proven.size > 0 ? column.proven : new Set(file.others.flatMap(({ proven }) => [...proven]));
  if (evidence.size === 0) return usual;
  const meaning = provenMeaning(separator, evidence);
  return meaning === "decimal" || meaning === usual ? meaning : undefined;
}

function usualInQuantities(
  separator: Separator,
  { hasPlain }: ColumnEvidence,
  { delimiter, locale }: Surroundings,
): Meaning | undefined {
  if (locale.decimal === ".") {
    // A semicolon separates cells where the comma separates decimals: not this locale's file.
    if (delimiter === ";") return undefined;
    if (separator === ".") return "decimal";
    return groupsByComma(locale) ? "thousands" : undefined;
  }
  const ofFile = delimiter === "," ? "." : ",";
  if (separator !== ofFile) return undefined;
  // What writes three decimals does so in each row. Beside 850, the point of 1.250 more likely separates thousands.
  return separator === locale.decimal || !hasPlain ? "decimal" : undefined;
}

function groupsByComma({ decimal, thousands }: Surroundings["locale"]): boolean {
  return decimal === "." && thousands === ",";
}

/** Undefined without evidence, and with contradictory evidence. */
function provenMeaning(separator: Separator, proven: ReadonlySet<Separator>): Meaning | undefined {
  if (proven.size !== 1) return undefined;
  return proven.has(separator) ? "decimal" : "thousands";
}
