/**
 * Markdown as a model writes it: headings, bold, nested lists, fences, tables, quotes, Vietnamese, emoji.
 *
 * Every word carries a running number, so that what is shown can be checked word by word. The same for the same seed.
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

/** At least `characters` UTF-16 units of it, and at most a block more. */
export function markdownText(seed: string, characters: number): string {
  const random = createRandom(seed);
  const pickOf = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
  let count = 0;
  const word = () => {
    count += 1;
    return `${pickOf(WORDS)}${count}`;
  };
  const words = (howMany: number) => Array.from({ length: howMany }, word).join(" ");
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
  // In turn, so that a short text has every kind of block as well.
  for (let turn = 0, length = 0; length < characters - 60; turn += 1) {
    const block = blocks[turn % blocks.length]?.() ?? "";
    parts.push(block);
    length += block.length + 2;
  }
  return [...parts, words(6)].join("\n\n");
}
