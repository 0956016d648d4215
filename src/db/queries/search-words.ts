/**
 * What a person looks for, as words: how the text of a search is read, and where in a text it is found. Pure.
 *
 * `admin-search.ts` asks the database for the same.
 */
import { BadInputError } from "../../errors.ts";
import { type Word, wordsOf } from "./fold.ts";

/** Most characters of a search, as JavaScript counts them, and most words. */
export const MAX_SEARCH_LENGTH = 200;
export const MAX_SEARCH_WORDS = 20;

/** One thing that must occur: a word that begins like this one, or (`isWhole`) these very words one after another. */
export interface SearchTerm {
  readonly words: readonly [string, ...string[]];
  readonly isWhole: boolean;
}

/** A stretch of a text, in UTF-16 units: `end` is behind it. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** What telephones make of `"`, too. */
const QUOTES = /["“”„‟]/;

/**
 * All that must occur, folded. `argument` is the name under which the text came, for the message.
 *
 * @throws {BadInputError} for a text without a word, with too many of them, or too long.
 */
export function parseSearch(text: string, argument: string): SearchTerm[] {
  if (text.length > MAX_SEARCH_LENGTH) {
    throw new BadInputError(`'${argument}' must have at most ${MAX_SEARCH_LENGTH} characters`);
  }
  const parts = text.split(QUOTES);
  // A quotation mark that nothing closes counts for nothing.
  const lastQuoted = parts.length - 2;
  const terms = parts.flatMap((part, index) => {
    const words = wordsOf(part).map(({ folded }) => folded);
    return index % 2 === 1 && index <= lastQuoted ? toPhrase(words) : words.map(toPrefix);
  });
  const count = terms.reduce((sum, { words }) => sum + words.length, 0);
  if (count === 0) throw new BadInputError(`'${argument}' must have at least one word to look for`);
  if (count > MAX_SEARCH_WORDS) throw new BadInputError(`'${argument}' must have at most ${MAX_SEARCH_WORDS} words`);
  return terms;
}

/** Where the terms stand in a text, from its beginning; those that overlap are one. */
export function findStretches(terms: readonly SearchTerm[], text: string): Stretch[] {
  const words = wordsOf(text);
  const found = words.flatMap((_, index) =>
    terms.filter((term) => occursAt(term, words, index)).map((term) => stretchOf(term, words, index)),
  );
  return found.reduce<Stretch[]>(addStretch, []);
}

function toPrefix(word: string): SearchTerm {
  return { words: [word], isWhole: false };
}

function toPhrase([first, ...rest]: string[]): SearchTerm[] {
  return first === undefined ? [] : [{ words: [first, ...rest], isWhole: true }];
}

function occursAt({ words, isWhole }: SearchTerm, inText: readonly Word[], index: number): boolean {
  return words.every((word, place) => {
    const there = inText[index + place]?.folded;
    return isWhole ? there === word : there?.startsWith(word);
  });
}

function stretchOf({ words }: SearchTerm, inText: readonly Word[], index: number): Stretch {
  return { start: inText[index]?.start ?? 0, end: inText[index + words.length - 1]?.end ?? 0 };
}

function addStretch(found: Stretch[], next: Stretch): Stretch[] {
  const last = found.at(-1);
  if (last === undefined || next.start >= last.end) return [...found, next];
  return [...found.slice(0, -1), { start: last.start, end: Math.max(last.end, next.end) }];
}
