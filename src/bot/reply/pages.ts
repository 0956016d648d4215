/**
 * A reply as the Telegram messages that show it, each within the limit.
 *
 * It is called again with the whole text whenever that has grown, and a page that is full must then come out as before:
 * a cut is decided only by what is before it and by that more follows. It knows nothing of when pages are sent.
 */
import {
  appendFormatted,
  createFormattedText,
  type FormattedText,
  isPreformattedAt,
  sliceFormatted,
  tidyFormatted,
} from "./formatted-text.ts";
import { renderParts, type TablePart, type TextPart } from "./markdown-blocks.ts";
import { layOutTable, sliceTable, type TableCells } from "./markdown-table.ts";

/** The longest text of a message in UTF-16 units, entities parsed (Bot API, `sendMessage`). */
export const TELEGRAM_TEXT_LIMIT = 4_096;

/** How full a page must be to end before a block or a line; else it is filled further, up to a word. */
const WELL_FILLED = 1 / 2;

/** How full a page must be for a table that does not fit to start on the next one. A table that overflows an almost empty page overflows a whole one too. */
const WORTH_LEAVING = 1 / 8;

/** Telegram refuses a message of nothing but these (Hangul filler and blank Braille among them). */
const INVISIBLE = /^[\s\p{Cf}\u115f\u1160\u2800\u3164]*$/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

interface Book {
  limit: number;
  finished: FormattedText[];
  page: FormattedText;
}

/**
 * The pages of `markdown` in order, none of them empty; no pages for blank Markdown. Bold, code and quotes that a cut goes
 * through are closed there and opened again on the next page.
 *
 * @param options.final false while the text grows, see `renderMarkdown`. All pages but the last stay as they are then.
 * @param options.limit UTF-16 units a page, {@link TELEGRAM_TEXT_LIMIT} unless told
 */
export function paginate(markdown: string, options: { final: boolean; limit?: number }): FormattedText[] {
  const book: Book = { limit: options.limit ?? TELEGRAM_TEXT_LIMIT, finished: [], page: createFormattedText() };
  for (const part of renderParts(markdown, options)) {
    if (part.kind === "text") pourText(book, part);
    else pourTable(book, part);
  }
  turnPage(book);
  return book.finished;
}

function turnPage(book: Book): void {
  const page = tidyFormatted(book.page);
  if (!INVISIBLE.test(page.text)) book.finished.push(page);
  book.page = createFormattedText();
}

function roomOn(book: Book): number {
  return book.limit - book.page.text.length;
}

function pourText(book: Book, part: TextPart): void {
  const end = part.text.trimEnd().length;
  let start = 0;
  while (start < end) {
    if (book.page.text === "") start = skipBlank(part, start);
    const isLast = end - start <= roomOn(book);
    const cut = isLast ? end : findCut(book, part, start);
    appendFormatted(book.page, sliceFormatted(part, start, cut));
    if (!isLast) turnPage(book);
    start = cut;
  }
}

/** Where a new page goes on: behind empty lines and spaces, but with the indentation of a line of code. */
function skipBlank(part: TextPart, start: number): number {
  const emptyLines = /^(?:[ \t]*\n)*/.exec(part.text.slice(start))?.[0].length ?? 0;
  const lineStart = start + emptyLines;
  const startsLine = lineStart === 0 || part.text.charAt(lineStart - 1) === "\n";
  if (startsLine && isPreformattedAt(part, lineStart)) return lineStart;
  return lineStart + (/^[ \t]*/.exec(part.text.slice(lineStart))?.[0].length ?? 0);
}

/** The last place for a cut that leaves the page within its limit: after a block, a line, a word, a character. */
function findCut(book: Book, part: TextPart, start: number): number {
  const filled = book.page.text.length;
  const last = start + roomOn(book);
  const wellFilled = start + Math.ceil(book.limit * WELL_FILLED) - filled;
  const first = filled > 0 ? start : start + 1;
  const blockEnd = part.blockEnds.findLast((end) => end <= last) ?? -1;
  if (blockEnd >= Math.max(first, wellFilled)) return blockEnd;
  const lineEnd = part.text.lastIndexOf("\n", last);
  if (lineEnd >= Math.max(first, wellFilled)) return lineEnd;
  const wordEnd = Math.max(lineEnd, part.text.lastIndexOf(" ", last), part.text.lastIndexOf("\t", last));
  return wordEnd >= first ? wordEnd : findCharacterEnd(part.text, { start, last, mayBeEmpty: filled > 0 });
}

function findCharacterEnd(text: string, range: { start: number; last: number; mayBeEmpty: boolean }): number {
  const { start, last } = range;
  const character = graphemes.segment(text.slice(start, last + 1)).containing(last - start);
  const end = start + (character?.index ?? last - start);
  if (end > start || range.mayBeEmpty) return end;
  // One character longer than a page, by combining marks without end: at least no surrogate pair is cut.
  return /[\ud800-\udbff]/.test(text.charAt(last - 1)) && last - 1 > start ? last - 1 : last;
}

function pourTable(book: Book, part: TablePart): void {
  let rest = part.table;
  while (rest.rows.length > 0) {
    const count = countFittingRows(book, part.gap, rest);
    const mustTurn = count < rest.rows.length && book.page.text.length >= book.limit * WORTH_LEAVING;
    if (mustTurn || (count === 0 && book.page.text !== "")) {
      turnPage(book);
    } else {
      const taken = Math.max(1, count);
      pourRows(book, part.gap, sliceTable(rest, 0, taken));
      rest = sliceTable(rest, taken);
      if (rest.rows.length > 0) turnPage(book);
    }
  }
}

/** A row longer than a page is cut like any text. */
function pourRows(book: Book, gap: string, rows: TableCells): void {
  const text = (book.page.text === "" ? "" : gap) + layOutTable(rows);
  const pre = { type: "pre" as const, offset: 0, length: text.length };
  pourText(book, { kind: "text", text, entities: [pre], blockEnds: [] });
}

/** How many rows the page has room for. More rows are never shorter, so halving finds the number. */
function countFittingRows(book: Book, gap: string, table: TableCells): number {
  const room = roomOn(book) - (book.page.text === "" ? 0 : gap.length);
  const fits = (count: number) => layOutTable(sliceTable(table, 0, count)).length <= room;
  let [least, most] = [0, table.rows.length];
  if (fits(most)) return most;
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (fits(middle)) least = middle;
    else most = middle;
  }
  return least;
}
