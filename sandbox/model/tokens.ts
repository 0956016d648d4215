/** Cuts text into pieces the size of a model's tokens, and guesses how many a text has. No real tokenizer. */

/** Longest piece in code points, leading white space aside: about what one token of English carries. */
const TOKEN_PATTERN = /\s*\S{1,6}|\s+/gu;

/** Pieces whose concatenation is exactly `text`; no surrogate pair is cut. */
export function splitIntoTokens(text: string): string[] {
  return text.match(TOKEN_PATTERN) ?? [];
}

/** Characters a token has on average in English prose and JSON. */
const CHARACTERS_PER_TOKEN = 4;

/** A plausible number of tokens, never exact. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}
