/**
 * Parses a search into terms, and finds them in a text. Pure.
 *
 * `search.ts` runs the same search in the database. A word must match completely unless it ends with `*`. Vietnamese syllables are
 * so short that `đá` as a prefix would match every `đã` and `đang`.
 */
import { BadInputError } from "../../../errors.ts";
import { type Word, wordsOf } from "./fold.ts";

/** Length of a search in UTF-16 units. */
const MAX_LENGTH = 200;
const MAX_WORDS = 20;

/** A shorter prefix matches so many words that the database needs seconds to collect them. */
const MIN_PREFIX_LETTERS = 3;

interface SearchWord {
  readonly folded: string;
  /** Whether longer words that start with it match, too. */
  readonly isPrefix: boolean;
}

/** A phrase: words that must follow each other. Usually one word. */
export type SearchTerm = readonly SearchWord[];

/** A range of a text in UTF-16 units; `end` is exclusive. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** `"`, and the typographic quotes that phones insert instead. */
const QUOTATION_MARKS = /["“”„‟]/;

/**
 * The terms of a search. All of them must match. `argument` is the name of the GraphQL argument, for the error message.
 *
 * @throws {BadInputError} for a text without words, with too many words, or too long.
 */
export function parseSearch(text: string, argument: string): SearchTerm[] {
  if (text.length > MAX_LENGTH) throw new BadInputError(`'${argument}' must have at most ${MAX_LENGTH} characters`);
  const parts = text.split(QUOTATION_MARKS);
  // An unclosed quotation mark is ignored.
  const lastQuoted = parts.length - 2;
  const terms = parts.flatMap((part, index) => {
    const words = searchWordsOf(part);
    return index % 2 === 1 && index <= lastQuoted ? [words] : words.map((word) => [word]);
  });
  checkWords(terms.flat(), argument);
  return terms.filter((term) => term.length > 0);
}

/** The ranges of all matches in their order. `words` are those of the text: see `wordsOf`. Overlapping matches are merged. */
export function findMatches(terms: readonly SearchTerm[], words: readonly Word[]): TextRange[] {
  const matches: TextRange[] = [];
  for (let index = 0; index < words.length; index++) {
    const longest = Math.max(...terms.map((term) => (occursAt(term, words, index) ? term.length : 0)));
    if (longest > 0) addMatch(matches, rangeOf(words, index, longest));
  }
  return matches;
}

function searchWordsOf(part: string): SearchWord[] {
  return wordsOf(part).map(({ folded, end }) => ({ folded, isPrefix: part[end] === "*" }));
}

function checkWords(words: readonly SearchWord[], argument: string): void {
  if (words.length === 0) throw new BadInputError(`'${argument}' must contain at least one word`);
  if (words.length > MAX_WORDS) throw new BadInputError(`'${argument}' must contain at most ${MAX_WORDS} words`);
  if (words.some(({ folded, isPrefix }) => isPrefix && folded.length < MIN_PREFIX_LETTERS)) {
    throw new BadInputError(`'${argument}' must have at least ${MIN_PREFIX_LETTERS} letters before a *`);
  }
}

function occursAt(term: SearchTerm, words: readonly Word[], index: number): boolean {
  return term.every(({ folded, isPrefix }, offset) => {
    const word = words[index + offset]?.folded;
    return isPrefix ? word?.startsWith(folded) : word === folded;
  });
}

function rangeOf(words: readonly Word[], index: number, length: number): TextRange {
  const [first, last] = [words[index], words[index + length - 1]];
  return { start: first?.start ?? 0, end: last?.end ?? 0 };
}

function addMatch(matches: TextRange[], next: TextRange): void {
  const last = matches.at(-1);
  if (last === undefined || next.start >= last.end) matches.push(next);
  else matches[matches.length - 1] = { start: last.start, end: Math.max(last.end, next.end) };
}
