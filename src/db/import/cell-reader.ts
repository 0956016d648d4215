/** Reads the cells of a row with a parser for each column, and records what is wrong as faults. */
import { BadInputError } from "../../errors.ts";
import type { CsvRow } from "./csv-rows.ts";
import type { FaultList } from "./import-error.ts";
import { describeSpreadsheetError } from "./spreadsheet-cells.ts";

export type Parse<T> = (cell: string, row: Pick<CsvRow<string>, "line" | "delimiter">) => T;

export interface CellReader<Column extends string> {
  /**
   * The parsed cell; undefined, with a fault, when the cell is empty or shows an error of a spreadsheet, or when `parse` throws
   * a `BadInputError`.
   */
  required<T>(row: CsvRow<Column>, column: Column, parse: Parse<T>): T | undefined;
  /** As `required`, but `fallback` for an empty cell. */
  optional<T, E>(row: CsvRow<Column>, column: Column, parse: Parse<T>, fallback: E): T | E | undefined;
  /** Records a fault of the row. */
  reject(row: CsvRow<Column>, column: Column, reason: string): undefined;
}

export function createCellReader<Column extends string>(faults: FaultList): CellReader<Column> {
  const reject = (row: CsvRow<Column>, column: Column, reason: string) => {
    faults.add({ line: row.line, column, reason });
    return undefined;
  };
  const read = <T>(row: CsvRow<Column>, column: Column, parse: Parse<T>) => {
    const error = describeSpreadsheetError(row.cells[column]);
    if (error) return reject(row, column, error);
    try {
      return parse(row.cells[column], row);
    } catch (error) {
      if (!(error instanceof BadInputError)) throw error;
      return reject(row, column, error.message);
    }
  };
  return {
    reject,
    required: (row, column, parse) =>
      row.cells[column] === "" ? reject(row, column, "is empty") : read(row, column, parse),
    optional: (row, column, parse, fallback) => (row.cells[column] === "" ? fallback : read(row, column, parse)),
  };
}
