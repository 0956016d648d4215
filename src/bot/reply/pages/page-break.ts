/**
 * Where a page that is too long ends. Decided by what is before the cut and by that more follows, so that a page that is full
 * stays as it is while the text grows.
 *
 * A page is filled to its last fortieth, and ends there where it does least harm: few messages are worth more than neat ends.
 */
import { codeAcross, type FormattedText } from "../markdown/formatted-text.ts";

/** The part of a page at its end in which a good place is looked for. */
const LAST_PART = 1 / 40;

/** How full a page must be for code or a table that does not fit to start on the next one; no word and no line of code is longer than the rest. */
export const NEARLY_FULL = 3 / 4;

/** What no page ends with: the bullet of an item, and its number. */
const BULLET = /(?:^|\n)[ ]*(?:[•☐☑]|\d+[.)](?: [☐☑])?)$/;

/** What closes a sentence, with the quotes and brackets behind it. */
const SENTENCE_END = /(?:[.!?…][)\]"'”’»]*|[。！？][」』）]*)$/;

/** "TP.", "Mr.", "v.v.", "e.g." and the number of an item. */
const ABBREVIATION = /(?:(?:^|\s|\()(?:\p{Lu}\p{L}{0,2}|\p{L})|\.\p{L}{1,3}|(?:^|\n)\s*\d+)\.$/u;

/** A sum and its currency, a share and its sign. */
const UNIT_FOLLOWS = /^\s[\p{Sc}%]/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What a page is cut from. */
export interface Filled extends FormattedText {
  /** Where blocks end, but for headings. */
  blockEnds: readonly number[];
}

/** The best end within `limit` units; never 0. The text must be longer. */
export function findPageEnd(filled: Filled, limit: number): number {
  const { text } = filled;
  const first = Math.max(1, Math.floor(limit - limit * LAST_PART));
  const code = codeAcross(filled, limit);
  if (code !== undefined && code.offset >= limit * NEARLY_FULL) return code.offset;
  const blockEnd = filled.blockEnds.findLast((end) => end <= limit) ?? 0;
  if (blockEnd >= first) return blockEnd;
  const lineEnd = text.lastIndexOf("\n", limit);
  if (lineEnd >= (code === undefined ? first : Math.max(1, limit * NEARLY_FULL))) return lineEnd;
  const sentenceEnd = code === undefined ? findBlank(text, { from: first, to: limit }, isSentenceEnd) : 0;
  return (
    sentenceEnd || findBlank(text, { from: limit * NEARLY_FULL, to: limit }, isWordEnd) || characterEnd(text, limit)
  );
}

/** The last place for a line break in a range that meets `condition`; 0 if there is none. */
function findBlank(
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
  // One character longer than a page, by combining marks without end: at least no surrogate pair is cut.
  return /[\ud800-\udbff]/.test(text.charAt(limit - 1)) && limit > 1 ? limit - 1 : limit;
}
