/**
 * Generates Markdown like a model's: headings, bold, nested lists, code fences, tables, quotes, Vietnamese, emoji.
 *
 * Every word has a running number, so that a shown text can be checked word by word. The same seed gives the same text.
 */
import { createRandom } from "../../sandbox/shop/random.ts";

const WORDS = [
  "milk",
  "beans",
  "stock",
  "orders",
  "reorder",
  "sữa",
  "trà",
  "cà",
  "phê",
  "đường",
  "bánh",
  "nguyên",
  "liệu",
  "weekly",
  "counter",
  "revenue",
];
const EMOJI = ["☕", "🥛", "👩‍👩‍👧", "📦", "✅", "🇻🇳"];

/** At least `characters` UTF-16 code units, and at most one block more. */
export function markdownText(seed: string, characters: number): string {
  const random = createRandom(seed);
  const pickOf = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
  let count = 0;
  const word = () => {
    count += 1;
    return `${pickOf(WORDS)}${count}`;
  };
  const words = (number: number) => Array.from({ length: number }, word).join(" ");
  const sentence = () => `${words(4)} **${words(2)}** ${words(3)} \`${word()}\` ${pickOf(EMOJI)} ${words(3)}.`;
  const blocks: (() => string)[] = [
    () => `## ${pickOf(EMOJI)} ${words(4)}`,
    () => [sentence(), sentence(), sentence()].join(" "),
    () => `- **${word()}:** ${words(5)}\n  - ${words(6)}\n  - _${words(2)}_ ${words(3)}\n- ${words(7)}`,
    () => `1. ${words(6)}\n2. ${words(4)} **${word()}**\n   - ${words(5)}\n3. ${words(6)}`,
    () => `\`\`\`ts\nconst ${word()} = ${word()};\nfunction ${word()}() {\n  return ${word()};\n}\n\`\`\``,
    () => `> ${words(8)}\n> ${words(6)}`,
    () => `| ${word()} | ${word()} |\n| --- | ---: |\n| ${words(2)} | ${word()} |\n| ${word()} | ${words(2)} |`,
    () => `[${words(2)}](https://example.com/menu) ${sentence()}`,
  ];
  const parts: string[] = [];
  // The blocks rotate, so that a short text also has every kind.
  for (let index = 0, length = 0; length < characters - 60; index += 1) {
    const block = blocks[index % blocks.length]?.() ?? "";
    parts.push(block);
    length += block.length + 2;
  }
  return [...parts, words(6)].join("\n\n");
}
