/**
 * A table as aligned lines for a monospaced block. Width is the visible width: an emoji takes two columns, a Vietnamese letter
 * one, composed or decomposed.
 *
 * A table grows row by row, and each row may widen its columns. Its length is known without a layout.
 */
import type { Tokens } from "marked";
import stringWidth from "string-width";
import { plainInline } from "./inline.ts";

const COLUMN_GAP = "  ";
/** The character of the line under the header; the line is as long as its column. */
export const TABLE_RULE = "─";

interface Cell {
  text: string;
  width: number;
}

export interface TableRow {
  cells: Cell[];
  alignments: Tokens.Table["align"];
  /** Whether there is a line under it. */
  isHeader: boolean;
}

/** Rows that are laid out together. */
export interface Table {
  rows: readonly TableRow[];
  /** The width of each column, in characters of a monospaced font. */
  widths: readonly number[];
  /** The length of {@link layOutTable}'s result, in UTF-16 units. */
  length: number;
}

export const EMPTY_TABLE: Table = { rows: [], widths: [], length: 0 };

/** A row of a Markdown table; row 0 is the header. */
export function readRow(token: Tokens.Table, index: number): TableRow {
  const cells = (index === 0 ? token.header : (token.rows[index - 1] ?? [])).map((cell) => {
    const text = plainInline(cell.tokens);
    return { text, width: stringWidth(text) };
  });
  return { cells, alignments: token.align, isHeader: index === 0 };
}

/** All rows of a Markdown table. */
export function readTable(token: Tokens.Table): Table {
  return [token.header, ...token.rows].reduce((table, _, index) => addRow(table, readRow(token, index)), EMPTY_TABLE);
}

/** The table with one more row. */
export function addRow(table: Table, row: TableRow): Table {
  const widths = row.alignments.map((_, column) => Math.max(table.widths[column] ?? 0, row.cells[column]?.width ?? 0));
  const rows = [...table.rows, row];
  const isWider = widths.some((width, column) => width !== table.widths[column]);
  const lengths = (isWider ? rows : [row]).map((each) => measureRow(each, widths) + 1);
  const before = isWider || table.rows.length === 0 ? -1 : table.length;
  return { rows, widths, length: lengths.reduce((sum, length) => sum + length, before) };
}

/** The lines of the table. */
export function layOutTable({ rows, widths }: Table): string {
  return rows.flatMap((row) => [layOutRow(row, widths), ...(row.isHeader ? [layOutRule(widths)] : [])]).join("\n");
}

function measureRow(row: TableRow, widths: readonly number[]): number {
  let length = 0;
  let column = 0;
  for (const [index, width] of widths.entries()) {
    const { text, before, after } = padCell(row, index, width);
    if (text !== "") length = column + before + text.length;
    column += before + text.length + after + COLUMN_GAP.length;
  }
  return row.isHeader ? length + 1 + layOutRule(widths).length : length;
}

function layOutRow(row: TableRow, widths: readonly number[]): string {
  const cells = widths.map((width, index) => {
    const { text, before, after } = padCell(row, index, width);
    return " ".repeat(before) + text + " ".repeat(after);
  });
  return cells.join(COLUMN_GAP).trimEnd();
}

function layOutRule(widths: readonly number[]): string {
  return widths
    .map((width) => TABLE_RULE.repeat(width))
    .join(COLUMN_GAP)
    .trimEnd();
}

function padCell(row: TableRow, column: number, width: number): { text: string; before: number; after: number } {
  const { text, width: own } = row.cells[column] ?? { text: "", width: 0 };
  const missing = Math.max(0, width - own);
  const alignment = row.alignments[column];
  const before = alignment === "right" ? missing : alignment === "center" ? Math.floor(missing / 2) : 0;
  return { text, before, after: missing - before };
}
