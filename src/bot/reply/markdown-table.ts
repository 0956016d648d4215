/**
 * A table as lines of one width for a monospaced block. Width is what is seen: an emoji takes two columns, a Vietnamese
 * letter one, however it is composed.
 */

import type { Tokens } from "marked";
import stringWidth from "string-width";
import { plainInline } from "./markdown-inline.ts";

const COLUMN_GAP = "  ";
/** Only the line under the header has this character; it is drawn as long as its column. */
export const TABLE_RULE = "─";

export type ColumnAlignment = "center" | "left" | "right" | null;

/** A table's cells as plain text. */
export interface TableCells {
  rows: string[][];
  alignments: ColumnAlignment[];
  /** Whether the first of `rows` is the header, with a line under it. */
  hasHeader: boolean;
}

export function readTable(token: Tokens.Table): TableCells {
  const rows = [token.header, ...token.rows].map((row) => row.map((cell) => plainInline(cell.tokens)));
  return { rows, alignments: token.align, hasHeader: true };
}

/** The table from row `start` up to row `end`; the rest of it has no header. */
export function sliceTable(table: TableCells, start: number, end?: number): TableCells {
  return { ...table, rows: table.rows.slice(start, end), hasHeader: table.hasHeader && start === 0 };
}

/** The lines of the table; the columns are as wide as these rows need. */
export function layOutTable(table: TableCells): string {
  const widths = table.alignments.map((_, column) => widestCell(table.rows, column));
  const lines = table.rows.map((row) => layOutRow(row, widths, table.alignments));
  if (table.hasHeader) lines.splice(1, 0, widths.map((width) => TABLE_RULE.repeat(width)).join(COLUMN_GAP));
  return lines.map((line) => line.trimEnd()).join("\n");
}

function widestCell(rows: string[][], column: number): number {
  return rows.reduce((widest, row) => Math.max(widest, stringWidth(row[column] ?? "")), 0);
}

function layOutRow(row: string[], widths: number[], alignments: ColumnAlignment[]): string {
  return widths
    .map((width, column) => alignCell(row[column] ?? "", width, alignments[column] ?? null))
    .join(COLUMN_GAP);
}

function alignCell(cell: string, width: number, alignment: ColumnAlignment): string {
  const missing = Math.max(0, width - stringWidth(cell));
  const before = alignment === "right" ? missing : alignment === "center" ? Math.floor(missing / 2) : 0;
  return " ".repeat(before) + cell + " ".repeat(missing - before);
}
