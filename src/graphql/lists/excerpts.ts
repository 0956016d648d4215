/** Excerpts: the parts of a text that match a search, with some text around them. Pure. */
import { type Word, wordsOf } from "../../db/queries/search/fold.ts";
import { findMatches, parseSearch, type SearchTerm, type TextRange } from "../../db/queries/search/search-words.ts";
import { BadInputError } from "../../errors.ts";

/** All offsets in UTF-16 units. `highlights` are relative to `text`, which begins at `offset` of the whole text. */
export interface Excerpt {
  readonly text: string;
  readonly offset: number;
  readonly highlights: readonly TextRange[];
  /** Whether the excerpt reaches the end of the whole text. */
  readonly isAtEnd: boolean;
}

/** Text shown before and after a match, in UTF-16 units. */
const CONTEXT = 80;

/** Nearby matches share an excerpt up to this length, in UTF-16 units. */
const MAX_LENGTH = 400;

/** The database searches this much of a text (`words_of`), though in characters instead of UTF-16 units. */
const SEARCHED_LENGTH = 100_000;

/**
 * UTF-16 units that one operation may search; a text counts again for each other search. This takes some tenths of a second, and
 * blocks the process.
 */
export const MAX_SEARCHED_LENGTH = 1_000_000;

/** The first `limit` excerpts of a text. @throws {BadInputError} as `parseSearch`, and for too much text */
export type FindExcerpts = (text: string, matching: string, limit: number) => Excerpt[];

/** For one operation. Results are cached: a second alias, or the executor after a failed plan, searches the same text again. */
export function createExcerptFinder(): FindExcerpts {
  const findGroups = createSearcher();
  return (text, matching, limit) =>
    findGroups(text, matching)
      .slice(0, limit)
      .map((group) => toExcerpt(text, group));
}

function createSearcher(): (text: string, matching: string) => readonly Group[] {
  const searches = new Map<string, readonly SearchTerm[]>();
  const texts = new Map<string, { readonly words: readonly Word[]; readonly found: Map<string, readonly Group[]> }>();
  let remaining = MAX_SEARCHED_LENGTH;
  return (text, matching) => {
    const terms = searches.get(matching) ?? parseSearch(matching, "matching");
    searches.set(matching, terms);
    const known = texts.get(text)?.found.get(matching);
    if (known) return known;
    const searched = text.slice(0, SEARCHED_LENGTH);
    if (searched.length > remaining) throw tooMuchToSearch();
    remaining -= searched.length;
    const { words, found } = texts.get(text) ?? { words: wordsOf(searched), found: new Map() };
    const groups = groupNear(findMatches(terms, words));
    texts.set(text, { words, found: found.set(matching, groups) });
    return groups;
  };
}

function tooMuchToSearch(): BadInputError {
  const limit = MAX_SEARCHED_LENGTH.toLocaleString("en-US");
  return new BadInputError(`'excerpts' searches at most ${limit} characters in one request. Request fewer messages`);
}

type Group = readonly [TextRange, ...TextRange[]];

function groupNear(found: readonly TextRange[]): Group[] {
  const groups: [TextRange, ...TextRange[]][] = [];
  for (const range of found) {
    const group = groups.at(-1);
    const isNear = group !== undefined && range.start - endOf(group) <= 2 * CONTEXT;
    if (isNear && range.end - group[0].start <= MAX_LENGTH - 2 * CONTEXT) group.push(range);
    else groups.push([range]);
  }
  return groups;
}

function toExcerpt(text: string, group: Group): Excerpt {
  const offset = startBefore(text, group[0].start);
  const end = endAfter(text, endOf(group));
  return {
    text: text.slice(offset, end),
    offset,
    highlights: group.map((range) => ({ start: range.start - offset, end: range.end - offset })),
    isAtEnd: end === text.length,
  };
}

/** At the start of a word, if one starts within the context. */
function startBefore(text: string, start: number): number {
  const earliest = start - CONTEXT;
  if (earliest <= 0) return 0;
  const gap = /\s+(?=\S)/.exec(text.slice(earliest, start));
  return gap ? earliest + gap.index + gap[0].length : toCharacterBoundary(text, earliest);
}

/** At the end of a word, if one ends within the context. */
function endAfter(text: string, end: number): number {
  const latest = end + CONTEXT;
  if (latest >= text.length) return text.length;
  const words = /^[\s\S]*\S(?=\s)/.exec(text.slice(end, latest));
  return words ? end + words[0].length : toCharacterBoundary(text, latest);
}

/** Moves an offset out of the middle of a surrogate pair. */
function toCharacterBoundary(text: string, offset: number): number {
  const isInside = offset > 0 && (text.codePointAt(offset - 1) ?? 0) > 0xffff;
  return isInside ? offset + 1 : offset;
}

function endOf(group: Group): number {
  return group.at(-1)?.end ?? group[0].end;
}
