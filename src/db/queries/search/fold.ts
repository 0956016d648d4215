/**
 * Folds text for search: without accents and case, for English and Vietnamese. Pure.
 *
 * `words_of` in the database (see `drizzle/`) does the same for stored text, followed by Postgres' text search parser. The two must
 * agree; `test/db/queries/search/fold.test.ts` compares them. The parser depends on the LC_CTYPE of the database. With `C`, as in
 * the embedded server, all non-ASCII characters belong to words, except those that `words_of` removes. With others, some rare
 * symbols also end a word, and a highlight may be slightly longer than the match.
 */

/** Combining marks after NFD normalization, Vietnamese tones and vowel marks included. */
const MARKS = /[\u0300-\u036f]/g;

/** Runs of characters that are no punctuation, symbol or white space, and do not become one by NFD (as U+037E does). */
const WORDS =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: variation selectors are listed on their own, because they end a word.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters separate words, like white space.
  /[^\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u037e\u0385\u0387\u1fc1\u1fed-\u1fef\u1ffd\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u303f\ufe00-\ufe0f\u{1f000}-\u{1faff}]+/gu;

/** In `1e5ml` Postgres' parser splits off the number. */
const NUMBER_IN_FRONT = /^\d+e\d+(?=\D)/;

/** The parser skips longer words. In bytes. */
const LONGEST_WORD_BYTES = 2_046;

/** A word and its range in the text, in UTF-16 units; `end` is exclusive. */
export interface Word {
  readonly folded: string;
  readonly start: number;
  readonly end: number;
}

/** `Cà phê ĐÁ` as `ca phe da`. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(MARKS, "").toLowerCase().replaceAll("đ", "d");
}

/** The words of a text, in order. */
export function wordsOf(text: string): Word[] {
  return [...text.matchAll(WORDS)].flatMap(({ 0: written, index }) => splitNumber(written, index)).filter(isIndexed);
}

/** A number has no marks, so folding does not change its length. */
function splitNumber(written: string, start: number): Word[] {
  const folded = fold(written);
  const end = start + written.length;
  const number = NUMBER_IN_FRONT.exec(folded)?.[0];
  if (number === undefined) return [{ folded, start, end }];
  const middle = start + number.length;
  return [
    { folded: number, start, end: middle },
    { folded: folded.slice(number.length), start: middle, end },
  ];
}

function isIndexed({ folded }: Word): boolean {
  return folded !== "" && Buffer.byteLength(folded) <= LONGEST_WORD_BYTES;
}
