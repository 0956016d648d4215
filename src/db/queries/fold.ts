/**
 * Text as a search compares it: without accents and case, in English and Vietnamese alike. Pure.
 *
 * The same as `words_of` in the database (see `drizzle/`), which folds what is stored: the two must agree.
 */

/** Marks that a letter carries once it is taken apart: tones and vowels of Vietnamese among them. */
const MARKS = /[\u0300-\u036f]/g;

/** What no word holds: white space, punctuation and symbols. */
const BETWEEN_WORDS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters stand between words like white space does.
  /[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\s]+/;

/** `Cà phê ĐÁ` as `ca phe da`. */
export function fold(text: string): string {
  return text
    .normalize("NFD")
    .replace(MARKS, "")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[đĐ]/g, "d");
}

/** The words of a text, folded, in their order. */
export function wordsOf(text: string): string[] {
  return fold(text)
    .split(BETWEEN_WORDS)
    .filter((word) => word !== "");
}
