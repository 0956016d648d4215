/**
 * A CSV file as a stream of rows with named cells and line numbers.
 *
 * Accepts what spreadsheets write: a byte order mark, any usual delimiter and line end, quotes, blank lines, columns in any
 * order. It does not know what the cells mean.
 */
import { CsvError, parse } from "csv-parse";
import { BadInputError } from "../../errors.ts";
import { createByteReader } from "./csv-bytes.ts";
import { type Delimiter, detectDelimiter, type Header, type Layout, readHeader } from "./csv-header.ts";
import type { FaultList } from "./import-error.ts";

/** A longer row, in characters, most likely lacks a closing quote. */
const MAX_ROW_CHARACTERS = 65_536;

export interface CsvRow<Column extends string> {
  line: number;
  /** Trimmed and normalized to NFC, so that a name typed on two systems is the same. */
  cells: Record<Column, string>;
  delimiter: Delimiter;
}

export interface CsvReader<Column extends string> {
  /** The rows in the order of the file. A bad row becomes a fault, and the reader continues if it can. */
  rows(): AsyncGenerator<CsvRow<Column>>;
  bytesRead(): number;
  rowsRead(): number;
  ignoredColumns(): readonly string[];
  fileHash(): string;
}

export function createCsvReader<Column extends string>(
  source: AsyncIterable<Uint8Array>,
  layout: Layout<Column>,
  faults: FaultList,
): CsvReader<Column> {
  const bytes = createByteReader(source, faults);
  let header: Header<Column> | undefined;
  let rowsRead = 0;
  let hasShortRow = false;
  return {
    async *rows() {
      const { delimiter, blocks } = await peekDelimiter(bytes.blocks(), layout);
      for await (const record of parseRecords(blocks, delimiter, faults)) {
        const { line, cells } = record;
        if (!header) {
          header = readHeaderRecord(record, layout, faults);
          if (!header) return;
          continue;
        }
        rowsRead += 1;
        const isShort = cells.length < header.width;
        const row =
          record.isUnended && isShort && rowsRead > 1 && !hasShortRow ? CUT_OFF : toRow(cells, header, delimiter);
        hasShortRow ||= isShort;
        if (typeof row === "string") faults.add({ line, column: "", reason: row });
        else yield { line, cells: row, delimiter };
      }
      if (rowsRead > 0 || !faults.isEmpty()) return;
      faults.add({ line: 1, column: "", reason: header ? "there are no rows below the header" : "the file is empty" });
    },
    bytesRead: bytes.bytesRead,
    rowsRead: () => rowsRead,
    ignoredColumns: () => header?.ignored ?? [],
    fileHash: bytes.fileHash,
  };
}

/** A download that broke off. Where other rows are short too, the program that wrote the file leaves empty cells out. */
const CUT_OFF =
  "the file ends in the middle of this row: copy or export it again, or end its last line with a line break";

/** Undefined, with a fault, when the record is not a header of this layout. */
function readHeaderRecord<Column extends string>(
  { line, cells }: CsvRecord,
  layout: Layout<Column>,
  faults: FaultList,
): Header<Column> | undefined {
  try {
    return readHeader(cells, layout);
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    faults.add({ line, column: "", reason: error.message });
    return undefined;
  }
}

/** Reads up to the header line, and returns its delimiter and all blocks, including those already read. */
async function peekDelimiter(blocks: AsyncGenerator<Buffer>, layout: Layout<string>) {
  const seen: Buffer[] = [];
  let headerLine: string | undefined;
  while (headerLine === undefined) {
    const { value, done } = await blocks.next();
    if (done) break;
    seen.push(value);
    headerLine = value
      .toString("utf8")
      .split(/[\r\n]+/)
      .find((line) => line.replace("\uFEFF", "").trim());
  }
  async function* all() {
    yield* seen;
    yield* blocks;
  }
  return { delimiter: detectDelimiter(headerLine ?? "", layout.columns), blocks: all() };
}

interface CsvRecord {
  line: number;
  cells: string[];
  /** The last one of a file without a line break at its end. */
  isUnended: boolean;
}

/** Every record with a non-empty cell. A quote that is never closed is a fault, and ends the file. */
async function* parseRecords(
  blocks: AsyncIterable<Buffer>,
  delimiter: Delimiter,
  faults: FaultList,
): AsyncGenerator<CsvRecord> {
  let line = 1;
  const parser = createBlockParser(delimiter);
  for await (const block of withEnd(blocks)) {
    const { records, failure } = await parser.parse(block);
    for (const cells of records) {
      if (cells.some((cell) => cell !== "")) yield { line, cells, isUnended: block === "end" };
      line += 1 + lineBreaks(cells);
    }
    if (!failure) continue;
    if (!(failure instanceof CsvError)) throw failure;
    return faults.add({ line, column: "", reason: failure.code === "CSV_MAX_RECORD_SIZE" ? TOO_LONG : UNCLOSED });
  }
}

const UNCLOSED = 'this row opens a quote (") that is never closed';
const TOO_LONG = `this row has more than ${MAX_ROW_CHARACTERS} characters: shorten it, or close a quote (") that it opens`;

async function* withEnd(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | "end"> {
  yield* blocks;
  yield "end";
}

/**
 * csv-parse, block by block. As a stream it would drop the rows before a failure that were not read yet, and with them the
 * line of the failure.
 */
function createBlockParser(delimiter: Delimiter) {
  let records: string[][] = [];
  const parser = parse({
    bom: true,
    delimiter,
    // Listed instead of auto-detected: a file edited on two systems has several kinds of line ends.
    record_delimiter: ["\r\n", "\n", "\r"],
    // A name may contain an inch sign. `toRow` reports rows with a wrong number of cells.
    relax_quotes: true,
    relax_column_count: true,
    max_record_size: MAX_ROW_CHARACTERS,
    trim: true,
    on_record(record: string[]) {
      records.push(record);
      return null;
    },
  });
  // The callback of `write` gets every failure too.
  parser.on("error", () => {}).resume();
  return {
    /** The rows that end in this block, and the error of the next row, if any. */
    async parse(block: Buffer | "end"): Promise<{ records: string[][]; failure?: Error }> {
      records = [];
      const failure = await new Promise<Error | null | undefined>((settle) => {
        if (block === "end") parser.end(settle);
        else parser.write(block, settle);
      });
      return failure ? { records, failure } : { records };
    },
  };
}

/** The line breaks inside quoted cells: csv-parse's own line count takes a quoted CRLF for two. */
function lineBreaks(cells: readonly string[]): number {
  let count = 0;
  for (const cell of cells) {
    if (cell.includes("\n") || cell.includes("\r")) count += cell.match(/\r\n|\n|\r/g)?.length ?? 0;
  }
  return count;
}

/** The cells by name, or what is wrong with the row. Cells that the row lacks at its end are empty. */
function toRow<Column extends string>(
  cells: readonly string[],
  header: Header<Column>,
  delimiter: Delimiter,
): Record<Column, string> | string {
  if (isShifted(cells, header)) {
    return `the row has ${cells.length} cells, but the header has ${header.width}: put quotes around a cell that contains the separator`;
  }
  if (cells.some((cell, index) => holdsRows(cell, index, header, delimiter))) {
    return 'a cell of this row holds further rows, because a quote (") opens it: double the quote, or remove it';
  }
  const row: Partial<Record<Column, string>> = {};
  for (const { column, index } of header.places) row[column] = cells[index]?.trim().normalize("NFC") ?? "";
  return row as Record<Column, string>;
}

/**
 * A separator inside a cell moves the cells after it, and an empty last one then lies beyond the header. So cells beyond it are
 * taken only where all are empty, and the last one of the header too.
 */
function isShifted(cells: readonly string[], { width, cellCount }: Header<string>): boolean {
  if (cells.slice(width).some((cell) => cell.trim())) return true;
  return cells.length > cellCount && Boolean(cells[width - 1]?.trim());
}

/** From a quote in one row to a quote in the same column of another one: the rest of the one, and the beginning of the other. */
function holdsRows(cell: string, index: number, { cellCount }: Header<string>, delimiter: Delimiter): boolean {
  if (!cell.includes("\n") && !cell.includes("\r")) return false;
  const counts = cell.split(/[\r\n]+/).map((line) => line.split(delimiter).length - 1);
  return counts[0] === cellCount - 1 - index && counts.at(-1) === index;
}
