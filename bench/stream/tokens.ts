/**
 * The token streams: plain short words with a running number, the same ones for the same seed.
 *
 * The number lets whatever is shown in a chat be mapped back to tokens. It knows nothing of time or of who shows it.
 */
import { createRandom } from "../../sandbox/shop/random.ts";

/** Short, so that 600 tokens fit into one Telegram message of 4,096 characters. */
const WORDS = ["we", "go", "to", "an", "of", "in", "so", "up", "my", "us", "it", "on"];

/** A token of this kind in a text that is shown; its number is the first group. */
const SHOWN_TOKEN = /(?<![\p{L}\p{N}])\p{L}+(\d+)/gu;

const TOKENS_PER_SENTENCE = 12;
const TOKENS_PER_PARAGRAPH = 48;

export interface TokenOptions {
  seed: string;
  count: number;
  /** Number of the first token. Default 1. */
  first?: number;
}

/** `["go1 ", "we2 ", ...]`, with full stops and paragraphs as prose has them. */
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

/** The numbers of the tokens in a text that is shown, in its order. */
export function tokenNumbers(text: string): number[] {
  return [...text.matchAll(SHOWN_TOKEN)].map((match) => Number(match[1]));
}

/** The last of the words with a number, or an empty text. */
export function lastWordOf(text: string): string {
  return [...text.matchAll(SHOWN_TOKEN)].at(-1)?.[0] ?? "";
}
