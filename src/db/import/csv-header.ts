/**
 * The header of a CSV file: which delimiter separates its cells, and where each column is.
 */
import { BadInputError } from "../../errors.ts";
import { quoteCell } from "./import-error.ts";

/** What spreadsheets write: a comma, a semicolon where the comma is the decimal separator, or a tab. */
const DELIMITERS = [",", ";", "\t"] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** The columns that a file must have, in any order. */
export interface Layout<Column extends string> {
  /** Its name in the import command. */
  kind: string;
  columns: readonly Column[];
}

export interface Header<Column extends string> {
  /** Each column's index in a row. */
  places: readonly { column: Column; index: number }[];
  /** Cells up to the last named column. Spreadsheets end every line, the header too, in the separators of empty columns. */
  width: number;
  /** All its cells, those without a name too. */
  cellCount: number;
  /** Columns that the import does not use, as the file names them. */
  ignored: readonly string[];
}

/** The delimiter that yields the most known columns in a header line; the comma in case of a tie. */
export function detectDelimiter(headerLine: string, columns: readonly string[]): Delimiter {
  const known = (delimiter: string) =>
    headerLine.split(delimiter).filter((name) => columns.includes(normalName(name))).length;
  return DELIMITERS.reduce((best, delimiter) => (known(delimiter) > known(best) ? delimiter : best));
}

/** Finds the columns. `BadInputError` when one is missing or repeated. */
export function readHeader<Column extends string>(cells: readonly string[], layout: Layout<Column>): Header<Column> {
  const names = cells.map(normalName);
  const wanted = layout.columns;
  const missing = wanted.filter((column) => !names.includes(column));
  if (missing.length > 0) {
    throw new BadInputError(
      `the header is missing ${missing.join(", ")}; a ${layout.kind} file has the columns ${wanted.join(",")}`,
    );
  }
  const twice = wanted.find((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (twice) throw new BadInputError(`the header has the column ${quoteCell(twice)} twice`);
  return {
    places: wanted.map((column) => ({ column, index: names.indexOf(column) })),
    width: names.findLastIndex((name) => name !== "") + 1,
    cellCount: cells.length,
    ignored: cells.filter((cell) => cell.trim() && !wanted.some((column) => column === normalName(cell))),
  };
}

function normalName(name: string): string {
  // Removes quotes too, because detectDelimiter passes unparsed names. No column of ours has invisible characters.
  return name
    .replace(/["\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "")
    .trim()
    .toLowerCase()
    .replace(/\s+/g, "_");
}
