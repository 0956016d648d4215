/**
 * The token streams: short words with a running number. The same seed gives the same tokens.
 *
 * The number maps a shown word back to its token.
 */
import { createRandom } from "../../sandbox/shop/random.ts";

/** Short words, so that 600 tokens fit into one Telegram message of 4,096 characters. */
const WORDS = ["we", "go", "to", "an", "of", "in", "so", "up", "my", "us", "it", "on"];

/** A token in a shown text. The first group is its number. */
const SHOWN_TOKEN = /(?<![\p{L}\p{N}])\p{L}+(\d+)/gu;

const TOKENS_PER_SENTENCE = 12;
const TOKENS_PER_PARAGRAPH = 48;

export interface TokenOptions {
  seed: string;
  count: number;
  /** Number of the first token. Default 1. */
  first?: number;
}

/** `["go1 ", "we2 ", ...]`, with full stops and paragraphs like prose. */
export function plainTokens({ seed, count, first = 1 }: TokenOptions): string[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const word = WORDS[Math.floor(random.next() * WORDS.length)];
    return `${word}${first + index}${separatorAfter(index + 1, count)}`;
  });
}

function separatorAfter(position: number, count: number): string {
  if (position === count) return ".";
  if (position % TOKENS_PER_PARAGRAPH === 0) return ".\n\n";
  return position % TOKENS_PER_SENTENCE === 0 ? ". " : " ";
}

/** The numbers of the tokens in a shown text, in order. */
export function tokenNumbers(text: string): number[] {
  return [...text.matchAll(SHOWN_TOKEN)].map((match) => Number(match[1]));
}

/** The last word with a number, or an empty string. */
export function lastWordOf(text: string): string {
  return [...text.matchAll(SHOWN_TOKEN)].at(-1)?.[0] ?? "";
}
