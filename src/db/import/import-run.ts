/**
 * What all imports share: one transaction, the file in a temporary table, all faults found before anything is stored, and
 * one import at a time.
 */
import { randomUUIDv7 } from "node:crypto";
import { type SQL, sql } from "drizzle-orm";
import type { Shop } from "../../shop/shop.ts";
import type { Database } from "../client.ts";
import { disableTimeouts, type Transaction } from "../driver/drizzle-transaction.ts";
import type { CopyTarget } from "../driver/transaction.ts";
import { imports } from "../schema/index.ts";
import { type CellReader, createCellReader } from "./cell-reader.ts";
import { type CopyRow, copyRows } from "./copy-rows.ts";
import type { Layout } from "./csv-header.ts";
import { type CsvReader, type CsvRow, createCsvReader } from "./csv-rows.ts";
import { createFaultList, type FaultList } from "./import-error.ts";
import type { NumberColumns } from "./number-columns.ts";
import type { ReceiptNumbers } from "./receipt-numbers.ts";

export interface ImportOptions {
  /** The bytes of the file, read once. */
  source: AsyncIterable<Uint8Array>;
  /** Only for the progress; left out when it is unknown. */
  totalBytes?: number;
  fileName: string;
  /** The operating system's name of the user who runs the import. */
  importedBy: string;
  shop: Shop;
  now: Date;
  /** Only for sales; left out: as in the import before. */
  receiptNumbers?: ReceiptNumbers;
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  /**
   * In this order. From `waiting` (for other imports) on, the file has no fault of its own; only stored receipts can still
   * contradict it. A sales file without changes skips `saving`.
   */
  phase: "reading" | "checking" | "waiting" | "comparing" | "saving";
  bytesRead: number;
  totalBytes?: number;
  rows: number;
}

export interface ImportSummary {
  importId: string;
  /** Rows of the file below its header. */
  rowCount: number;
  /** Products or receipts that were added or changed. */
  changedCount: number;
  /** Whether everything in the file was already stored. */
  unchanged: boolean;
  /** Sales: the newest `sold_at` of the file. Products: the time of the stock count, `now`. */
  dataThrough: Date;
  /** SKUs that were unknown before, sorted. */
  newProducts: string[];
  /** Columns of the file that the import does not use. */
  ignoredColumns: readonly string[];
}

/** How a kind of file becomes rows of a temporary table. */
export interface Staging<Column extends string> {
  layout: Layout<Column>;
  /** Its last column is `unclear`. */
  target: CopyTarget;
  /** The readers of the columns of numbers. */
  numbers: NumberColumns;
  /** Creates the temporary table, with a column `unclear text[]` for the marks of unclear numbers. */
  create: SQL;
  /** The row for the table, without its marks; undefined when it has a fault, which `cells` has recorded. */
  toRow(row: CsvRow<Column>, cells: CellReader<Column>): CopyRow | undefined;
}

/** A file in its temporary table. */
export interface StagedFile {
  tx: Transaction;
  faults: FaultList;
  rowCount: number;
  fileHash: string;
  ignoredColumns: readonly string[];
  /** Call it once the file has no fault of its own: waits for other imports, and makes later ones wait for this one. */
  beginComparing(): Promise<void>;
  /** Call it before the first write. */
  beginSaving(): void;
}

/** Runs everything in one transaction: when `save` or the reading throws, nothing is stored. */
export function runImport<Column extends string, Result>(
  database: Database,
  { staging, options }: { staging: Staging<Column>; options: ImportOptions },
  save: (file: StagedFile) => Promise<Result>,
): Promise<Result> {
  return database.db.transaction(async (tx) => {
    // A large file takes longer than the usual statement timeout, and sorts faster with more memory.
    await disableTimeouts(tx);
    await tx.execute(sql`select set_config('work_mem', '64MB', true)`);
    await tx.execute(staging.create);
    const faults = createFaultList(options.fileName);
    const reader = createCsvReader(options.source, staging.layout, faults);
    await copyRows(tx, staging.target, stagedRows({ staging, reader, faults, options }));
    report(options, reader, "checking");
    await settleNumbers(tx, staging, faults);
    return save({
      tx,
      faults,
      rowCount: reader.rowsRead(),
      fileHash: reader.fileHash(),
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

/** Corrects the unclear numbers that are staged under another reading than the whole column shows, or adds their faults. */
async function settleNumbers(
  tx: Transaction,
  { target, numbers }: Pick<Staging<string>, "target" | "numbers">,
  faults: FaultList,
): Promise<void> {
  const table = sql.identifier(target.table);
  for (const { column, mark, factor, faults: found } of numbers.settle()) {
    faults.addSample(found);
    const name = sql.identifier(column);
    // A row with a fault is not staged, so that it causes no other one.
    if (found.count > 0) await tx.execute(sql`delete from ${table} where ${mark} = any(unclear)`);
    else if (factor !== "1") {
      await tx.execute(sql`update ${table} set ${name} = ${name} * ${factor}::numeric where ${mark} = any(unclear)`);
    }
  }
}

/** Blocks every other import until the transaction ends. */
export async function lockImports(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('counterhand imports', 0))`);
}

/** Stores that the file was imported, and returns the part of the summary that all kinds share. */
export async function recordImport(
  { tx, rowCount, fileHash, ignoredColumns }: StagedFile,
  { fileName, importedBy, now }: ImportOptions,
  result: { kind: "products" | "sales"; changedCount: number; dataThrough: Date; receiptNumbers?: ReceiptNumbers },
): Promise<Omit<ImportSummary, "newProducts">> {
  const { changedCount, dataThrough } = result;
  const importId = randomUUIDv7();
  await tx.insert(imports).values({
    ...result,
    id: importId,
    fileName,
    fileHash,
    importedBy,
    rowCount,
    startedAt: now,
    completedAt: sql`clock_timestamp()`,
  });
  return { importId, rowCount, changedCount, unchanged: changedCount === 0, dataThrough, ignoredColumns };
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
    if (staged) yield [...staged, staging.numbers.marksOf(row.line)];
    if (reader.bytesRead() === reportedBytes) continue;
    reportedBytes = reader.bytesRead();
    report(options, reader, "reading");
  }
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
