/** The places of a text where something that was looked for stands, with some of the text around them. Pure. */
import { findStretches, parseSearch, type Stretch } from "../db/queries/search-words.ts";

/** In UTF-16 units; `highlights` lie within `text`, which begins at `offset` of the whole. */
export interface Excerpt {
  readonly text: string;
  readonly offset: number;
  readonly highlights: readonly Stretch[];
  /** Whether the whole text ends with it. */
  readonly isAtEnd: boolean;
}

/** How much of the text is shown on either side of what was found, in UTF-16 units. */
const CONTEXT = 80;

/** Places that lie close together share an excerpt, up to this length. */
const MAX_LENGTH = 400;

/** As much of a text as the database searches (`words_of`), in UTF-16 units instead of characters. */
const SEARCHED_LENGTH = 100_000;

/** At most `limit` excerpts, from the text's beginning. @throws {BadInputError} see `parseSearch` */
export function findExcerpts(text: string, matching: string, limit: number): Excerpt[] {
  const found = findStretches(parseSearch(matching, "matching"), text.slice(0, SEARCHED_LENGTH));
  return groupNear(found)
    .slice(0, limit)
    .map((group) => cutOut(text, group));
}

type Group = readonly [Stretch, ...Stretch[]];

function groupNear(found: readonly Stretch[]): Group[] {
  const groups: [Stretch, ...Stretch[]][] = [];
  for (const stretch of found) {
    const group = groups.at(-1);
    const isNear = group !== undefined && stretch.start - endOf(group) <= 2 * CONTEXT;
    if (isNear && stretch.end - group[0].start <= MAX_LENGTH - 2 * CONTEXT) group.push(stretch);
    else groups.push([stretch]);
  }
  return groups;
}

function cutOut(text: string, group: Group): Excerpt {
  const offset = startBefore(text, group[0].start);
  const end = endBehind(text, endOf(group));
  return {
    text: text.slice(offset, end),
    offset,
    highlights: group.map((stretch) => ({ start: stretch.start - offset, end: stretch.end - offset })),
    isAtEnd: end === text.length,
  };
}

/** At the beginning of a word, where there is one within the context. */
function startBefore(text: string, start: number): number {
  const earliest = start - CONTEXT;
  if (earliest <= 0) return 0;
  const gap = /\s+(?=\S)/.exec(text.slice(earliest, start));
  return gap ? earliest + gap.index + gap[0].length : wholeCharacter(text, earliest);
}

/** At the end of a word, where there is one within the context. */
function endBehind(text: string, end: number): number {
  const latest = end + CONTEXT;
  if (latest >= text.length) return text.length;
  const words = /^[\s\S]*\S(?=\s)/.exec(text.slice(end, latest));
  return words ? end + words[0].length : wholeCharacter(text, latest);
}

/** Not between the two halves of a character. */
function wholeCharacter(text: string, offset: number): number {
  const isInside = offset > 0 && (text.codePointAt(offset - 1) ?? 0) > 0xffff;
  return isInside ? offset + 1 : offset;
}

function endOf(group: Group): number {
  return group.at(-1)?.end ?? group[0].end;
}
