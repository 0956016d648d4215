/**
 * What a person looks for, as words: how the text of a search is read, and where in a text it is found. Pure.
 *
 * `admin-search.ts` asks the database for the same. A word is meant whole unless it ends with `*`: syllables of Vietnamese
 * are so short that `đá` as the beginning of a word would find every `đã` and `đang`.
 */
import { BadInputError } from "../../../errors.ts";
import { type Word, wordsOf } from "./fold.ts";

/** Most characters of a search, as JavaScript counts them, and most words. */
const MAX_LENGTH = 200;
const MAX_WORDS = 20;

/** Fewer letters before `*` begin so many words that to gather them takes the database seconds. */
const MIN_LETTERS_OF_BEGINNING = 3;

interface SearchWord {
  readonly folded: string;
  /** Whether words that only begin so are meant too. */
  readonly isBeginning: boolean;
}

/** Words that must follow one another; mostly one. */
export type SearchTerm = readonly SearchWord[];

/** A stretch of a text, in UTF-16 units: `end` is behind it. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** `"`, and what telephones make of it. */
const QUOTATION_MARKS = /["“”„‟]/;

/**
 * All that must occur. `argument` is the name under which the text came, for the message.
 *
 * @throws {BadInputError} for a text without a word, with too many of them, or too long.
 */
export function parseSearch(text: string, argument: string): SearchTerm[] {
  if (text.length > MAX_LENGTH) throw new BadInputError(`'${argument}' must have at most ${MAX_LENGTH} characters`);
  const parts = text.split(QUOTATION_MARKS);
  // A quotation mark that nothing closes counts for nothing.
  const lastQuoted = parts.length - 2;
  const terms = parts.flatMap((part, index) => {
    const words = searchWordsOf(part);
    return index % 2 === 1 && index <= lastQuoted ? [words] : words.map((word) => [word]);
  });
  checkWords(terms.flat(), argument);
  return terms.filter((term) => term.length > 0);
}

/** Where the terms stand among a text's words, see `wordsOf`, from its beginning; those that overlap are one. */
export function findStretches(terms: readonly SearchTerm[], words: readonly Word[]): Stretch[] {
  const found: Stretch[] = [];
  for (let index = 0; index < words.length; index++) {
    const longest = Math.max(...terms.map((term) => (occursAt(term, words, index) ? term.length : 0)));
    if (longest > 0) addStretch(found, stretchOf(words, index, longest));
  }
  return found;
}

function searchWordsOf(part: string): SearchWord[] {
  return wordsOf(part).map(({ folded, end }) => ({ folded, isBeginning: part[end] === "*" }));
}

function checkWords(words: readonly SearchWord[], argument: string): void {
  if (words.length === 0) throw new BadInputError(`'${argument}' must have at least one word to look for`);
  if (words.length > MAX_WORDS) throw new BadInputError(`'${argument}' must have at most ${MAX_WORDS} words`);
  if (words.some(({ folded, isBeginning }) => isBeginning && folded.length < MIN_LETTERS_OF_BEGINNING)) {
    throw new BadInputError(`'${argument}' must have at least ${MIN_LETTERS_OF_BEGINNING} letters before a *`);
  }
}

function occursAt(term: SearchTerm, words: readonly Word[], index: number): boolean {
  return term.every(({ folded, isBeginning }, place) => {
    const there = words[index + place]?.folded;
    return isBeginning ? there?.startsWith(folded) : there === folded;
  });
}

function stretchOf(words: readonly Word[], index: number, length: number): Stretch {
  const [first, last] = [words[index], words[index + length - 1]];
  return { start: first?.start ?? 0, end: last?.end ?? 0 };
}

function addStretch(found: Stretch[], next: Stretch): void {
  const last = found.at(-1);
  if (last === undefined || next.start >= last.end) found.push(next);
  else found[found.length - 1] = { start: last.start, end: Math.max(last.end, next.end) };
}
