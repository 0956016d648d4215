/**
 * Where a page ends whose text is too long. Only the text before the break decides, so that a full page stays unchanged
 * while the text grows.
 *
 * The break is in the last fortieth of the page, where it disturbs least: few messages matter more than neat breaks.
 */
import { codeAcross, type FormattedText } from "../markdown/formatted-text.ts";

/** The last part of a page, in which a good break is searched. */
const LAST_PART = 1 / 40;

/**
 * How full a page must be before code or a table that does not fit moves to the next page. Words and lines of code are
 * assumed to fit into the rest.
 */
export const NEARLY_FULL = 3 / 4;

/** No page ends with these: the bullet of an item, and its number. */
const BULLET = /(?:^|\n)[ ]*(?:[•☐☑]|\d+[.)](?: [☐☑])?)$/;

/** The end of a sentence, with closing quotes and brackets. */
const SENTENCE_END = /(?:[.!?…][)\]"'”’»]*|[。！？][」』）]*)$/;

/** "TP.", "Mr.", "v.v.", "e.g." and the number of an item. */
const ABBREVIATION = /(?:(?:^|\s|\()(?:\p{Lu}\p{L}{0,2}|\p{L})|\.\p{L}{1,3}|(?:^|\n)\s*\d+)\.$/u;

/** Between an amount and its currency, or a share and its sign. */
const UNIT_FOLLOWS = /^\s[\p{Sc}%]/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The text of a page before the break. */
export interface OverfullPage extends FormattedText {
  /** Where blocks end, except headings. */
  blockEnds: readonly number[];
}

/** The best break within `limit` units; never 0. The text must be longer. */
export function findPageEnd(page: OverfullPage, limit: number): number {
  const { text } = page;
  const first = Math.max(1, Math.floor(limit - limit * LAST_PART));
  const code = codeAcross(page, limit);
  if (code !== undefined && code.offset >= limit * NEARLY_FULL) return code.offset;
  const blockEnd = page.blockEnds.findLast((end) => end <= limit) ?? 0;
  if (blockEnd >= first) return blockEnd;
  const lineEnd = text.lastIndexOf("\n", limit);
  if (lineEnd >= (code === undefined ? first : Math.max(1, limit * NEARLY_FULL))) return lineEnd;
  const sentenceEnd = code === undefined ? findSpace(text, { from: first, to: limit }, isSentenceEnd) : 0;
  return (
    sentenceEnd || findSpace(text, { from: limit * NEARLY_FULL, to: limit }, isWordEnd) || characterEnd(text, limit)
  );
}

/** The last whitespace in a range that meets `condition`; 0 if there is none. */
function findSpace(
  text: string,
  { from, to }: { from: number; to: number },
  condition: (text: string, end: number) => boolean,
): number {
  for (let end = to; end >= from && end > 0; end--) {
    if (/[ \t\n]/.test(text.charAt(end)) && condition(text, end)) return end;
  }
  return 0;
}

function isSentenceEnd(text: string, end: number): boolean {
  const before = text.slice(Math.max(0, end - 40), end);
  return SENTENCE_END.test(before) && !ABBREVIATION.test(before);
}

function isWordEnd(text: string, end: number): boolean {
  return !BULLET.test(text.slice(Math.max(0, end - 40), end)) && !UNIT_FOLLOWS.test(text.slice(end, end + 3));
}

function characterEnd(text: string, limit: number): number {
  const end = graphemes.segment(text.slice(0, limit + 2)).containing(limit)?.index ?? limit;
  if (end > 0) return end;
  // A character longer than a page, by endless combining marks: at least do not cut a surrogate pair.
  return /[\ud800-\udbff]/.test(text.charAt(limit - 1)) && limit > 1 ? limit - 1 : limit;
}
