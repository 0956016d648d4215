/**
 * Blocks poured onto pages, each within the limit: the pages that are full, and the one under way.
 *
 * A page that is full is never touched again. It knows nothing of Markdown and of when pages are sent.
 */

import type { Block, RowBlock, TextBlock } from "../markdown/blocks.ts";
import {
  appendFormatted,
  createFormattedText,
  type FormattedText,
  isPreformattedAt,
  joinFormatted,
  sliceFormatted,
  tidyFormatted,
  withinEntityLimit,
} from "../markdown/formatted-text.ts";
import { addRow, EMPTY_TABLE, layOutTable, type Table } from "../markdown/table.ts";
import { findPageEnd, NEARLY_FULL } from "./page-break.ts";

/** Telegram refuses a message of nothing but these (Hangul filler and blank Braille among them). */
const INVISIBLE = /^[\s\p{Cf}\u115f\u1160\u2800\u3164]*$/u;

interface Page extends FormattedText {
  blockEnds: number[];
  headings: { start: number; end: number }[];
  /** What was poured last; null on a new page. */
  last: Block["kind"] | null;
  /** A table at the end of the page: not laid out before it is known which rows it has there. */
  table: OpenTable | null;
}

interface OpenTable {
  gap: string;
  cells: Table;
}

export interface Book {
  readonly limit: number;
  readonly finished: FormattedText[];
  page: Page;
}

/** @param limit UTF-16 units a page */
export function createBook(limit: number): Book {
  return { limit, finished: [], page: createPage() };
}

/** A book to write on in without a change to `book`. */
export function copyBook({ limit, finished, page }: Book): Book {
  const copy = { ...page, entities: [...page.entities], blockEnds: [...page.blockEnds], headings: [...page.headings] };
  return { limit, finished: [...finished], page: copy };
}

export function pour(book: Book, block: Block): void {
  if (block.kind === "row") pourRow(book, block);
  else pourText(book, block);
}

/** Writes `text` in italics as a paragraph of its own, if the page under way has room for it. */
export function pourNote(book: Book, text: string): void {
  layOutTableOf(book.page);
  const gap = book.page.text === "" ? "" : "\n\n";
  if (text === "" || book.page.text.length + gap.length + text.length > book.limit) return;
  book.page.entities.push({ type: "italic", offset: book.page.text.length + gap.length, length: text.length });
  book.page.text += gap + text;
}

/** All pages, the one under way as the last. */
export function closeBook(book: Book): FormattedText[] {
  layOutTableOf(book.page);
  finishPage(book, book.page.text.length);
  return book.finished;
}

function createPage(): Page {
  return { ...createFormattedText(), blockEnds: [], headings: [], last: null, table: null };
}

function pourText(book: Book, block: TextBlock): void {
  const { page, limit } = book;
  startBlock(page, block);
  const isFirst = page.text === "";
  const end = page.text.length;
  if (!isFirst) page.text += block.gap;
  const start = page.text.length;
  appendFormatted(page, isFirst ? sliceFormatted(block, skipBlank(block, 0), block.text.length) : block);
  if (block.joins) joinFormatted(page, end, start);
  if (block.kind === "heading") page.headings.push({ start, end: page.text.length });
  while (book.page.text.length > limit) turnPage(book, findPageEnd(book.page, limit));
}

/** Notes the end of the block before it; not that of a heading, nor of an item when its list goes on. */
function startBlock(page: Page, { kind, joins }: Pick<TextBlock, "joins"> & { kind: Block["kind"] }): void {
  layOutTableOf(page);
  const goesOn = joins || page.last === null || page.last === "heading" || (page.last === "item" && kind === "item");
  if (!goesOn) page.blockEnds.push(page.text.length);
  page.last = kind;
}

function pourRow(book: Book, row: RowBlock): void {
  const { page } = book;
  if (page.table !== null && !row.isHeader) {
    addToTable(book, page.table, row);
    return;
  }
  startBlock(page, { kind: "row", joins: false });
  addToTable(book, { gap: page.text === "" ? "" : row.gap, cells: EMPTY_TABLE }, row);
}

function addToTable(book: Book, table: OpenTable, row: RowBlock): void {
  const { page, limit } = book;
  const cells = addRow(table.cells, row);
  const startsLate = page.text.length >= limit * NEARLY_FULL || table.cells.rows.length < 2;
  if (page.text.length + table.gap.length + cells.length <= limit) {
    page.table = { gap: table.gap, cells };
  } else if (page.text !== "" && startsLate) {
    page.table = null;
    turnPage(book, page.text.length);
    addToTable(book, { gap: book.page.text === "" ? "" : table.gap, cells: table.cells }, row);
  } else if (table.cells.rows.length > 0) {
    page.table = table;
    layOutTableOf(page);
    finishPage(book, page.text.length);
    addToTable(book, { gap: "", cells: EMPTY_TABLE }, row);
  } else {
    // A row longer than a page is cut like any text.
    page.table = null;
    const text = layOutTable(cells);
    const pre = { type: "pre" as const, offset: 0, length: text.length };
    pourText(book, { kind: "text", gap: table.gap, joins: false, text, entities: [pre] });
  }
}

function layOutTableOf(page: Page): void {
  if (page.table === null) return;
  const { gap, cells } = page.table;
  page.table = null;
  page.last = "row";
  page.text += gap;
  const text = layOutTable(cells);
  appendFormatted(page, { text, entities: [{ type: "pre", offset: 0, length: text.length }] });
}

/** Ends the page at `end`, or before the headings there: they go with the text that they are above. */
function turnPage(book: Book, end: number): void {
  const { headings, text } = book.page;
  let cut = end;
  for (const { start, end: headingEnd } of headings.toReversed()) {
    // A page that is nothing but headings has to end somewhere.
    if (start < book.limit * NEARLY_FULL) break;
    if (start < cut && text.slice(headingEnd, cut).trim() === "") cut = start;
  }
  finishPage(book, cut);
}

function finishPage(book: Book, end: number): void {
  const { page } = book;
  const finished = withinEntityLimit(tidyFormatted(sliceFormatted(page, 0, end)));
  if (!INVISIBLE.test(finished.text)) book.finished.push(finished);
  const start = skipBlank(page, end);
  book.page = {
    ...sliceFormatted(page, start, page.text.length),
    blockEnds: page.blockEnds.filter((blockEnd) => blockEnd > start).map((blockEnd) => blockEnd - start),
    headings: page.headings
      .filter((heading) => heading.end > start)
      .map((heading) => ({ start: Math.max(0, heading.start - start), end: heading.end - start })),
    last: start < page.text.length ? page.last : null,
    table: null,
  };
}

/** Where a new page goes on: behind empty lines and spaces, but with the indentation of a line of code. */
function skipBlank(text: FormattedText, start: number): number {
  const rest = text.text.slice(start);
  const lineStart = start + (/^(?:[ \t]*\n)*/.exec(rest)?.[0].length ?? 0);
  const startsLine = lineStart === 0 || text.text.charAt(lineStart - 1) === "\n";
  if (startsLine && isPreformattedAt(text, lineStart)) return lineStart;
  return lineStart + (/^[ \t]*/.exec(text.text.slice(lineStart))?.[0].length ?? 0);
}
