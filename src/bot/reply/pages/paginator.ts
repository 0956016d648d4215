/**
 * Splits blocks into pages within the limit: finished pages, and the open one.
 *
 * A finished page never changes. This module knows nothing of Markdown, nor of when pages are sent.
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

/** Telegram refuses a message of only these characters (Hangul filler and blank Braille among them). */
const INVISIBLE = /^[\s\p{Cf}\u115f\u1160\u2800\u3164]*$/u;

interface OpenPage extends FormattedText {
  blockEnds: number[];
  headings: { start: number; end: number }[];
  /** The kind of the last block; null on a new page. */
  last: Block["kind"] | null;
  /** A table at the end of the page. It is laid out when its rows on this page are known. */
  table: OpenTable | null;
}

interface OpenTable {
  gap: string;
  cells: Table;
}

export interface Paginator {
  readonly limit: number;
  readonly finished: FormattedText[];
  page: OpenPage;
}

/** @param limit UTF-16 units per page */
export function createPaginator(limit: number): Paginator {
  return { limit, finished: [], page: createPage() };
}

/** A copy to continue with, without a change to the original. */
export function copyPaginator({ limit, finished, page }: Paginator): Paginator {
  const copy = { ...page, entities: [...page.entities], blockEnds: [...page.blockEnds], headings: [...page.headings] };
  return { limit, finished: [...finished], page: copy };
}

export function addBlock(paginator: Paginator, block: Block): void {
  if (block.kind === "row") addRowBlock(paginator, block);
  else addTextBlock(paginator, block);
}

/** Adds `text` in italics as a paragraph of its own, if the open page has room for it. */
export function addStatus(paginator: Paginator, text: string): void {
  layOutTableOf(paginator.page);
  const gap = paginator.page.text === "" ? "" : "\n\n";
  if (text === "" || paginator.page.text.length + gap.length + text.length > paginator.limit) return;
  paginator.page.entities.push({
    type: "italic",
    offset: paginator.page.text.length + gap.length,
    length: text.length,
  });
  paginator.page.text += gap + text;
}

/** All pages; the open one becomes the last. */
export function finishPages(paginator: Paginator): FormattedText[] {
  layOutTableOf(paginator.page);
  finishPage(paginator, paginator.page.text.length);
  return paginator.finished;
}

function createPage(): OpenPage {
  return { ...createFormattedText(), blockEnds: [], headings: [], last: null, table: null };
}

function addTextBlock(paginator: Paginator, block: TextBlock): void {
  const { page, limit } = paginator;
  startBlock(page, block);
  const isFirst = page.text === "";
  const end = page.text.length;
  if (!isFirst) page.text += block.gap;
  const start = page.text.length;
  appendFormatted(page, isFirst ? sliceFormatted(block, skipBlank(block, 0), block.text.length) : block);
  if (block.joins) joinFormatted(page, end, start);
  if (block.kind === "heading") page.headings.push({ start, end: page.text.length });
  while (paginator.page.text.length > limit) turnPage(paginator, findPageEnd(paginator.page, limit));
}

/** Records where the block before it ends; not after a heading, nor between items of one list. */
function startBlock(page: OpenPage, { kind, joins }: Pick<TextBlock, "joins"> & { kind: Block["kind"] }): void {
  layOutTableOf(page);
  const isContinued =
    joins || page.last === null || page.last === "heading" || (page.last === "item" && kind === "item");
  if (!isContinued) page.blockEnds.push(page.text.length);
  page.last = kind;
}

function addRowBlock(paginator: Paginator, row: RowBlock): void {
  const { page } = paginator;
  if (page.table !== null && !row.isHeader) {
    addToTable(paginator, page.table, row);
    return;
  }
  startBlock(page, { kind: "row", joins: false });
  addToTable(paginator, { gap: page.text === "" ? "" : row.gap, cells: EMPTY_TABLE }, row);
}

function addToTable(paginator: Paginator, table: OpenTable, row: RowBlock): void {
  const { page, limit } = paginator;
  const cells = addRow(table.cells, row);
  const startsLate = page.text.length >= limit * NEARLY_FULL || table.cells.rows.length < 2;
  if (page.text.length + table.gap.length + cells.length <= limit) {
    page.table = { gap: table.gap, cells };
  } else if (page.text !== "" && startsLate) {
    page.table = null;
    turnPage(paginator, page.text.length);
    addToTable(paginator, { gap: paginator.page.text === "" ? "" : table.gap, cells: table.cells }, row);
  } else if (table.cells.rows.length > 0) {
    page.table = table;
    layOutTableOf(page);
    finishPage(paginator, page.text.length);
    addToTable(paginator, { gap: "", cells: EMPTY_TABLE }, row);
  } else {
    // A row longer than a page is split like any text.
    page.table = null;
    const text = layOutTable(cells);
    const pre = { type: "pre" as const, offset: 0, length: text.length };
    addTextBlock(paginator, { kind: "text", gap: table.gap, joins: false, text, entities: [pre] });
  }
}

function layOutTableOf(page: OpenPage): void {
  if (page.table === null) return;
  const { gap, cells } = page.table;
  page.table = null;
  page.last = "row";
  page.text += gap;
  const text = layOutTable(cells);
  appendFormatted(page, { text, entities: [{ type: "pre", offset: 0, length: text.length }] });
}

/** Ends the page at `end`, or before headings there: a heading stays with the text below it. */
function turnPage(paginator: Paginator, end: number): void {
  const { headings, text } = paginator.page;
  let cut = end;
  for (const { start, end: headingEnd } of headings.toReversed()) {
    // A page of only headings must end somewhere.
    if (start < paginator.limit * NEARLY_FULL) break;
    if (start < cut && text.slice(headingEnd, cut).trim() === "") cut = start;
  }
  finishPage(paginator, cut);
}

function finishPage(paginator: Paginator, end: number): void {
  const { page } = paginator;
  const finished = withinEntityLimit(tidyFormatted(sliceFormatted(page, 0, end)));
  if (!INVISIBLE.test(finished.text)) paginator.finished.push(finished);
  const start = skipBlank(page, end);
  paginator.page = {
    ...sliceFormatted(page, start, page.text.length),
    blockEnds: page.blockEnds.filter((blockEnd) => blockEnd > start).map((blockEnd) => blockEnd - start),
    headings: page.headings
      .filter((heading) => heading.end > start)
      .map((heading) => ({ start: Math.max(0, heading.start - start), end: heading.end - start })),
    last: start < page.text.length ? page.last : null,
    table: null,
  };
}

/** Where the next page starts: after empty lines and spaces, but before the indentation of a line of code. */
function skipBlank(text: FormattedText, start: number): number {
  const rest = text.text.slice(start);
  const lineStart = start + (/^(?:[ \t]*\n)*/.exec(rest)?.[0].length ?? 0);
  const startsLine = lineStart === 0 || text.text.charAt(lineStart - 1) === "\n";
  if (startsLine && isPreformattedAt(text, lineStart)) return lineStart;
  return lineStart + (/^[ \t]*/.exec(text.text.slice(lineStart))?.[0].length ?? 0);
}
