/** Markdown as models write it, for property tests: every kind of block, in Vietnamese and English, with emoji and figures. */
import { fc } from "../../../support/property.ts";

const WORDS =
  "Cà phê sữa đá bán chạy nhất hôm nay 1.870.000 ₫ revenue of yesterday 🍵 👩‍👩‍👧 sold out (9 %) more: than, Oat milk is 0/6 ~5% snake_case_name 3 * 4 -12% x5 “quoted” Q&A 10:30".split(
    " ",
  );

const word = fc.constantFrom(...WORDS);
const words = (most: number) => fc.array(word, { minLength: 1, maxLength: most }).map((list) => `Vì ${list.join(" ")}`);

const plain = words(12);
const styled = plain.chain((text) =>
  fc.constantFrom(
    text,
    `**${text} đó**`,
    `*${text} đó*`,
    `~~${text} đó~~`,
    `**${text} _nghiêng_ đó**`,
    "`sku_12 * 3`",
    `[${text} đó](https://shop.example/a_b?c=d)`,
    "https://shop.example/bao_cao",
  ),
);

/** Running text of up to `most` phrases, with soft line breaks here and there. */
const prose = (most: number) =>
  fc
    .array(fc.tuple(styled, fc.constantFrom(" ", " ", ". ", "\n")), { minLength: 1, maxLength: most })
    .map((phrases) => `Hôm ${phrases.map(([phrase, gap]) => phrase + gap).join("")}nay.`);

const heading = fc.tuple(fc.integer({ min: 1, max: 3 }), plain).map(([depth, text]) => `${"#".repeat(depth)} ${text}`);

const list = fc
  .tuple(fc.constantFrom("-", "1", "[ ]"), fc.array(fc.tuple(prose(2), fc.boolean()), { minLength: 1, maxLength: 12 }))
  .map(([kind, items]) => items.map(([text, isNested], index) => listItem(kind, index, { text, isNested })).join("\n"));

function listItem(kind: string, index: number, { text, isNested }: { text: string; isNested: boolean }): string {
  const marker = kind === "1" ? `${index + 1}. ` : kind === "-" ? "- " : "- [ ] ";
  const indent = isNested && index > 0 ? "   " : "";
  return `${indent}${marker}${text.replaceAll("\n", " ")}`;
}

const fence = fc
  .tuple(fc.constantFrom("", "js", "sql"), fc.array(fc.tuple(fc.nat(4), plain), { minLength: 1, maxLength: 20 }))
  .map(([language, lines]) => {
    const code = lines.map(([indent, text]) => `${"  ".repeat(indent)}${text}; // **not bold**`).join("\n\n");
    return `\`\`\`${language}\n${code}\n\`\`\``;
  });

const cell = fc.oneof(words(2), words(4), fc.constantFrom("0", "**12**", "1.870.000 ₫", "🍵", ""));

const table = fc
  .tuple(fc.constantFrom("---", "--:", ":-:"), fc.array(fc.tuple(cell, cell, cell), { minLength: 0, maxLength: 40 }))
  .map(([alignment, rows]) =>
    [
      "| Món | Số lượng | Doanh thu |",
      `|---|${alignment}|---|`,
      ...rows.map((cells) => `| x${cells.join(" | ")} |`),
    ].join("\n"),
  );

const quote = prose(6).map((text) => text.replace(/^/gm, "> "));

const block = fc.oneof(
  { weight: 4, arbitrary: prose(4) },
  { weight: 1, arbitrary: prose(40) },
  { weight: 2, arbitrary: heading },
  { weight: 3, arbitrary: list },
  { weight: 2, arbitrary: fence },
  { weight: 2, arbitrary: table },
  { weight: 1, arbitrary: quote },
  { weight: 1, arbitrary: fc.constant("---") },
);

/** A whole answer. */
export const answer = fc.array(block, { minLength: 1, maxLength: 10 }).map((blocks) => blocks.join("\n\n"));

/** To be repeated: blocks of many lines, and Markdown that is expensive to read. */
export const DENSE_LINES = [
  "một đoạn **dài** không xuống dòng, ",
  "1. món **số** một\n",
  "- \n",
  "| **a** | b |\n",
  "> nói _gì_\n",
  "  - con\n",
  "let a = `b`;\n",
  "    indented\n",
  "# Title\n",
  ">",
  "[",
  "[a](",
  "*a ",
  "**a",
  "_a",
  "|",
  "|a|\n",
  "`a",
  "``a`",
  "~~a",
  "<a",
  "- > ",
  `${"- > ".repeat(20)}\n`,
  "a\n=\n",
  "\n",
  "👩\u200d",
];

const opening = fc.constantFrom("", "", "```js\n", "| a | b |\n|---|---|\n", "- top\n", "> ");

/** One block of some thousand characters. */
export const longBlock = fc
  .tuple(opening, fc.constantFrom(...DENSE_LINES), fc.integer({ min: 500, max: 10_000 }))
  .map(([start, line, length]) => start + line.repeat(Math.ceil(length / line.length)));

/** Arbitrary text with many characters that have a meaning in Markdown and Unicode. */
export const wildMarkdown = fc
  .array(
    fc.oneof(
      fc.constantFrom(..."*_`~[]()<>|#-+!\\&;:\n \t>".split("")),
      fc.constantFrom(
        "**",
        "```",
        "\n\n",
        "\n- ",
        "\n> ",
        "1. ",
        "| a |\n|-|\n",
        "https://a.b",
        "&amp;",
        "\r\n",
        "    ",
      ),
      fc.string({ unit: "binary", maxLength: 3 }),
      fc.constantFrom("\ud83d", "\udf75", "\u0301", "🍵", "\0", "\u202e", "chữ", "שלום", "\u200b"),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(""));
