/** Splits text into pieces of about a token's size, and estimates token counts. Not a real tokenizer. */

/** At most 6 code points after leading white space: about one token of English. */
const TOKEN_PATTERN = /\s*\S{1,6}|\s+/gu;

/** Splits `text` into pieces that concatenate to exactly `text`. No surrogate pair is split. */
export function splitIntoTokens(text: string): string[] {
  return text.match(TOKEN_PATTERN) ?? [];
}

/** Average number of characters per token in English prose and JSON. */
const CHARACTERS_PER_TOKEN = 4;

/** A rough estimate of the number of tokens. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}
