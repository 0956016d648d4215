/**
 * Text as a search compares it: without accents and case, in English and Vietnamese alike. Pure.
 *
 * The same as `words_of` in the database (see `drizzle/`), which folds what is stored, with what its parser makes of the
 * result: the two must agree, and `test/db/queries/search/fold.test.ts` compares them. That parser goes by the database's character type:
 * in one with `C`, as the embedded server's, all that is not ASCII stands in words, save what `words_of` takes out; in any
 * other some rare symbols end a word too, and what is marked there may be a little more than what was found.
 */

/** Marks that a letter carries once it is taken apart: tones and vowels of Vietnamese among them. */
const MARKS = /[\u0300-\u036f]/g;

/** What is no punctuation, no symbol and no white space, nor becomes it once it is taken apart (as U+037E). */
const WORDS =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: variation selectors are meant by themselves, as what ends a word.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters stand between words like white space does.
  /[^\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u037e\u0385\u0387\u1fc1\u1fed-\u1fef\u1ffd\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u303f\ufe00-\ufe0f\u{1f000}-\u{1faff}]+/gu;

/** `1e5ml`: the parser takes the number for itself. */
const NUMBER_IN_FRONT = /^\d+e\d+(?=\D)/;

/** The parser leaves out what is longer, in bytes. */
const LONGEST_WORD_BYTES = 2_046;

/** A word of a text, and where it stands there, in UTF-16 units: `end` is behind it. */
export interface Word {
  readonly folded: string;
  readonly start: number;
  readonly end: number;
}

/** `Cà phê ĐÁ` as `ca phe da`. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(MARKS, "").toLowerCase().replaceAll("đ", "d");
}

/** The words of a text in their order. */
export function wordsOf(text: string): Word[] {
  return [...text.matchAll(WORDS)].flatMap(({ 0: written, index }) => splitNumber(written, index)).filter(isKept);
}

/** A number has no marks: it is as long in the text as it is when folded. */
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

function isKept({ folded }: Word): boolean {
  return folded !== "" && Buffer.byteLength(folded) <= LONGEST_WORD_BYTES;
}
