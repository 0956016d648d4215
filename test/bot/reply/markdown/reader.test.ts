import { expect, test } from "vitest";
import type { Block } from "../../../../src/bot/reply/markdown/blocks.ts";
import { createMarkdownReader } from "../../../../src/bot/reply/markdown/reader.ts";
import { answerOfLength } from "./markdown-answers.ts";
import { DENSE_LINES } from "./markdown-arbitraries.ts";

const LENGTH = 60_000;

test.each([
  ["an answer", answerOfLength(20_000), 2_000],
  ["a list", growing("", (index) => `${index}. món **số** ${index}\n`), 200],
  ["a table", growing("| a | b |\n|---|---|\n", (index) => `| món ${index} | **${index}** |\n`), 200],
  ["code", growing("```js\n", (index) => `  line(${index});\n`), 1_100],
  ["one paragraph", growing("", (index) => `Câu **số** ${index}. `), 3_000],
  ["a quote", growing("", (index) => `> dòng ${index}\n`), 9_000],
])("of any long text of %s, only the end is read again when more arrives", (_, text, most) => {
  const reader = createMarkdownReader();
  let longest = 0;

  for (let start = 0; start < text.length; start += 100) {
    reader.append(text.slice(start, start + 100));
    Array.from(reader.takeSettled());
    longest = Math.max(longest, shownLength(reader.unsettled({ final: false })));
  }

  expect(longest).toBeLessThanOrEqual(most);
});

test.each(DENSE_LINES)("of thousands of %j, no more than a piece is read again when more arrives", (line) => {
  const text = line.repeat(Math.ceil(LENGTH / line.length));
  const reader = createMarkdownReader();
  reader.append(text);

  const settled = Array.from(reader.takeSettled());
  const unsettled = reader.unsettled({ final: false });

  expect(shownLength(unsettled)).toBeLessThanOrEqual(9_000);
  expect(shownLength(settled) + shownLength(unsettled)).toBeLessThanOrEqual(text.length * 3);
});

test("a block, an item or a row is settled when the next one has a line of its own", () => {
  const reader = createMarkdownReader();
  const taken: Block[][] = [];

  for (const delta of ["para\n\n1. a", "\n", "2", ". b\n", "12", "\n\n| x |\n|---|\n", "| 1 |\n| 2"]) {
    reader.append(delta);
    taken.push(Array.from(reader.takeSettled()));
  }

  expect(taken.map((blocks) => blocks.length)).toEqual([0, 1, 0, 1, 0, 1, 1]);
});

function growing(start: string, lineOf: (index: number) => string): string {
  let text = start;
  for (let index = 1; text.length < LENGTH; index++) text += lineOf(index);
  return text;
}

function shownLength(blocks: Block[]): number {
  return blocks.reduce(
    (sum, block) =>
      sum +
      (block.kind === "row" ? block.cells.reduce((width, cell) => width + cell.text.length, 0) : block.text.length),
    0,
  );
}
