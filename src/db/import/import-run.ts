/**
 * What imports of every kind share: one transaction, the file into a temporary table, all faults before anything is kept,
 * imports one after the other.
 */
import { type SQL, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import type { Shop } from "../../shop/shop.ts";
import type { Database } from "../client.ts";
import { disableTimeouts, type Transaction } from "../driver/drizzle-transaction.ts";
import type { CopyTarget } from "../driver/transaction.ts";
import { type CopyRow, copyRows } from "./copy-rows.ts";
import type { Layout } from "./csv-header.ts";
import { type CsvReader, type CsvRow, createCsvReader } from "./csv-rows.ts";
import { createFaultList, type FaultList } from "./import-error.ts";

export interface ImportOptions {
  /** The bytes of the file, read once. */
  source: AsyncIterable<Uint8Array>;
  /** Only for the progress; left out where it is not known. */
  totalBytes?: number;
  fileName: string;
  /** Who runs it: the operating system's user name. */
  importedBy: string;
  shop: Shop;
  now: Date;
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  /**
   * One after the other. From `waiting` on (for other imports) the file has no fault. Sales that say nothing new are not
   * `saving`.
   */
  phase: "reading" | "checking" | "waiting" | "comparing" | "saving";
  bytesRead: number;
  totalBytes?: number;
  rows: number;
}

export interface ImportSummary {
  importId: string;
  /** Rows of the file under its header. */
  rowCount: number;
  /** Products or receipts that were added or changed. */
  changedCount: number;
  /** Whether the file said nothing new. */
  unchanged: boolean;
  /** Sales: the newest `sold_at` of the file. Products: the time of the count, `now`. */
  dataThrough: Date;
  /** SKUs that were not known before, sorted. */
  newProducts: string[];
  /** Columns of the file that mean nothing here. */
  ignoredColumns: readonly string[];
}

/** How a kind of file becomes rows of its temporary table. */
export interface Staging<Column extends string> {
  layout: Layout<Column>;
  target: CopyTarget;
  /** Creates the temporary table. */
  create: SQL;
  /** The row for the table; undefined when it has a fault, which `cells` has noted. */
  toRow(row: CsvRow<Column>, cells: CellReader<Column>): CopyRow | undefined;
}

interface CellReader<Column extends string> {
  /** The cell as `parse` reads it; undefined, and a fault, where it throws a `BadInputError` or an empty cell is not allowed. */
  required<T>(row: CsvRow<Column>, column: Column, parse: (cell: string) => T): T | undefined;
  /** As `required`, but an empty cell gives `otherwise`. */
  optional<T, E>(row: CsvRow<Column>, column: Column, parse: (cell: string) => T, otherwise: E): T | E | undefined;
  /** Notes a fault of the row. */
  refuse(row: CsvRow<Column>, column: Column, reason: string): undefined;
}

/** A file in its temporary table. */
export interface StagedFile {
  tx: Transaction;
  faults: FaultList;
  rowCount: number;
  fileHash: string;
  ignoredColumns: readonly string[];
  /** To be called when nothing can be refused any more: waits for other imports; those that come wait until this one ends. */
  beginComparing(): Promise<void>;
  /** To be called before the first row is written. */
  beginSaving(): void;
}

/** Everything in one transaction: what `save` (or the reading) throws leaves nothing behind. */
export function runImport<Column extends string, Result>(
  database: Database,
  { staging, options }: { staging: Staging<Column>; options: ImportOptions },
  save: (file: StagedFile) => Promise<Result>,
): Promise<Result> {
  return database.db.transaction(async (tx) => {
    // A large file takes longer than a statement of the bot may, and sorts better with some memory.
    await disableTimeouts(tx);
    await tx.execute(sql`select set_config('work_mem', '64MB', true)`);
    await tx.execute(staging.create);
    const faults = createFaultList(options.fileName);
    const reader = createCsvReader(options.source, staging.layout, faults);
    await copyRows(tx, staging.target, stagedRows({ staging, reader, faults, options }));
    report(options, reader, "checking");
    const file = { tx, faults, rowCount: reader.rowsRead(), fileHash: reader.fileHash() };
    return save({
      ...file,
      ignoredColumns: reader.ignoredColumns(),
      async beginComparing() {
        report(options, reader, "waiting");
        await lockImports(tx);
        report(options, reader, "comparing");
      },
      beginSaving: () => report(options, reader, "saving"),
    });
  });
}

/** Holds every other import back until the transaction ends. */
export async function lockImports(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('counterhand imports', 0))`);
}

interface Reading<Column extends string> {
  staging: Staging<Column>;
  reader: CsvReader<Column>;
  faults: FaultList;
  options: ImportOptions;
}

async function* stagedRows<Column extends string>(reading: Reading<Column>): AsyncGenerator<CopyRow> {
  const { staging, reader, faults, options } = reading;
  const cells = createCellReader<Column>(faults);
  let reportedBytes = -1;
  for await (const row of reader.rows()) {
    const staged = staging.toRow(row, cells);
    if (staged) yield staged;
    if (reader.bytesRead() === reportedBytes) continue;
    reportedBytes = reader.bytesRead();
    report(options, reader, "reading");
  }
}

function createCellReader<Column extends string>(faults: FaultList): CellReader<Column> {
  const refuse = (row: CsvRow<Column>, column: Column, reason: string) => {
    faults.add({ line: row.line, column, reason });
    return undefined;
  };
  const read = <T>(row: CsvRow<Column>, column: Column, parse: (cell: string) => T) => {
    try {
      return parse(row.cells[column]);
    } catch (error) {
      if (!(error instanceof BadInputError)) throw error;
      return refuse(row, column, error.message);
    }
  };
  return {
    refuse,
    required: (row, column, parse) =>
      row.cells[column] === "" ? refuse(row, column, "is empty") : read(row, column, parse),
    optional: (row, column, parse, otherwise) => (row.cells[column] === "" ? otherwise : read(row, column, parse)),
  };
}

function report(options: ImportOptions, reader: CsvReader<string>, phase: ImportProgress["phase"]): void {
  const { totalBytes, onProgress } = options;
  onProgress?.({
    phase,
    bytesRead: reader.bytesRead(),
    rows: reader.rowsRead(),
    ...(totalBytes === undefined ? {} : { totalBytes }),
  });
}
