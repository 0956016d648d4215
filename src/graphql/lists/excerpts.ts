/** The places of a text where something that was looked for stands, with some of the text around them. Knows of no database. */
import { type Word, wordsOf } from "../../db/queries/search/fold.ts";
import { findStretches, parseSearch, type SearchTerm, type Stretch } from "../../db/queries/search/search-words.ts";
import { BadInputError } from "../../errors.ts";

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

/**
 * Characters that one operation searches, a text anew for each other search: that takes some tenths of a second, in which
 * the process does nothing else.
 */
export const MAX_SEARCHED_LENGTH = 1_000_000;

/** At most `limit` excerpts, from the text's beginning. @throws {BadInputError} see `parseSearch`, and for too much to search */
export type FindExcerpts = (text: string, matching: string, limit: number) => Excerpt[];

/** For one operation: what it has searched once it need not search again, under another alias or because a plan has failed. */
export function createExcerptFinder(): FindExcerpts {
  const findGroups = createSearcher();
  return (text, matching, limit) =>
    findGroups(text, matching)
      .slice(0, limit)
      .map((group) => cutOut(text, group));
}

function createSearcher(): (text: string, matching: string) => readonly Group[] {
  const searches = new Map<string, readonly SearchTerm[]>();
  const texts = new Map<string, { readonly words: readonly Word[]; readonly found: Map<string, readonly Group[]> }>();
  let left = MAX_SEARCHED_LENGTH;
  return (text, matching) => {
    const terms = searches.get(matching) ?? parseSearch(matching, "matching");
    searches.set(matching, terms);
    const known = texts.get(text)?.found.get(matching);
    if (known) return known;
    const searched = text.slice(0, SEARCHED_LENGTH);
    if (searched.length > left) throw tooMuchToSearch();
    left -= searched.length;
    const { words, found } = texts.get(text) ?? { words: wordsOf(searched), found: new Map() };
    const groups = groupNear(findStretches(terms, words));
    texts.set(text, { words, found: found.set(matching, groups) });
    return groups;
  };
}

function tooMuchToSearch(): BadInputError {
  const limit = MAX_SEARCHED_LENGTH.toLocaleString("en-US");
  return new BadInputError(`'excerpts' searches at most ${limit} characters in one request. Ask for fewer messages`);
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
