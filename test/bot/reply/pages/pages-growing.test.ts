import { expect, test } from "vitest";
import type { FormattedText } from "../../../../src/bot/reply/markdown/formatted-text.ts";
import { createGrowingPages, paginate } from "../../../../src/bot/reply/pages/pages.ts";
import { fc } from "../../../support/property.ts";
import { findEntityFaults } from "../markdown/entity-faults.ts";
import { answerOfLength } from "../markdown/markdown-answers.ts";
import { answer, longBlock, wildMarkdown } from "../markdown/markdown-arbitraries.ts";

const documents = fc
  .array(fc.oneof(answer, wildMarkdown, longBlock), { minLength: 1, maxLength: 3 })
  .chain((parts) => fc.constantFrom("", "\n", "\n\n").map((gap) => parts.join(gap)));
const deltaLengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 4, maxLength: 12 });
const limits = fc.constantFrom(40, 300, 900, 4_096);

test("the pages of a text do not depend on the chunks in which it arrives", () => {
  fc.assert(
    fc.property(documents, deltaLengths, limits, (text, lengths, limit) => {
      const growing = createGrowingPages({ limit });

      for (const delta of cutInto(text, lengths)) {
        growing.append(delta);
        growing.pages({ final: false });
      }

      expect(growing.pages({ final: true })).toEqual(paginate(text, { final: true, limit }));
    }),
    { numRuns: 80, examples: [[`- top\n${"- > ".repeat(30)}\n- end`, [5], 40]] },
  );
});

test("at every moment the pages are those of the text so far", () => {
  fc.assert(
    fc.property(documents, deltaLengths, limits, (text, lengths, limit) => {
      const growing = createGrowingPages({ limit });
      let length = 0;

      for (const [index, delta] of cutInto(text, lengths).entries()) {
        growing.append(delta);
        length += delta.length;
        if (index % 20 > 2) continue;
        const pages = growing.pages({ final: false });
        expect(pages).toEqual(paginate(text.slice(0, length), { final: false, limit }));
      }
    }),
    { numRuns: 25 },
  );
});

test.each([9_600, 40_000])("while an answer of %d characters streams, only the last page changes", (length) => {
  const growing = createGrowingPages();
  let finished: readonly FormattedText[] = [];

  for (const delta of cutInto(answerOfLength(length), [3, 5, 4, 11, 2])) {
    growing.append(delta);
    const pages = growing.pages({ final: false });
    for (const [index, page] of finished.entries()) expect(pages[index]).toBe(page);
    finished = pages.slice(0, -1);
  }

  expect(growing.pages({ final: true }).slice(0, -1)).toEqual(finished);
});

test.each([
  ["an item of a list", "1. ", "   "],
  ["a quote", "> ", "> "],
])("10,000 characters of code in %s stay code, and the text after them does not", (_, first, others) => {
  const code = Array.from({ length: 220 }, (_, line) => `const value${line} = left * right * ${line}; // *a*`);
  const source = [`${first}Run this:`, "```js", ...code, "```"].join(`\n${others}`);
  const growing = createGrowingPages();
  for (const delta of cutInto(`${source}\n\n2. **Then** that.`, [7, 40, 3])) {
    growing.append(delta);
    growing.pages({ final: false });
  }

  const pages = growing.pages({ final: true });

  expect(
    pages
      .map(({ text }) => text)
      .join("\n")
      .split("*a*").length - 1,
  ).toBe(code.length);
  expect(pages.flatMap(({ entities }) => entities).filter(({ type }) => type === "italic")).toEqual([]);
  expect(pages.every(({ entities }) => entities.some(({ type }) => type === "pre"))).toBe(true);
  expect(pages.at(-1)?.text).toMatch(/Then that\.$/);
});

test("a table with more columns than any screen shows is text, also while it grows", () => {
  const source = `${"|a".repeat(200)}|\n${"|-".repeat(200)}|\n${"|1".repeat(200)}|`;
  const growing = createGrowingPages();
  growing.append(source.slice(0, 300));
  const begun = growing.pages({ final: false });
  growing.append(source.slice(300));

  const [page] = growing.pages({ final: true });

  expect(begun[0]?.text).toMatch(/^\|a\|a/);
  expect(begun[0]?.text).not.toContain("---");
  expect(page?.text).toBe(source);
  expect(page?.entities).toEqual([]);
});

test("an unchanged page is the same object", () => {
  const growing = createGrowingPages();
  growing.append("**some** text");
  const before = growing.pages({ final: false });

  growing.append(" ");
  const after = growing.pages({ final: false });

  expect(after[0]).toBe(before[0]);
});

test.each([
  ["text", "Một **phần", "Một phần"],
  ["a list", "- a\n- b", "• a\n• b"],
  ["a code block that is not closed", "```js\nlet a;", "let a;"],
  ["a table", "| a |\n|---|\n| 1 |", "a\n─\n1"],
  ["a quote", "> said", "said"],
])("the status is a paragraph in italics after %s, and disappears without a trace", (_, markdown, shown) => {
  const growing = createGrowingPages();
  growing.append(markdown);
  const without = growing.pages({ final: false });

  const [page] = growing.pages({ final: false, status: "Checking *stock*..." });

  expect(page?.text).toBe(`${shown}\n\nChecking *stock*...`);
  expect(page?.entities.at(-1)).toEqual({ type: "italic", offset: shown.length + 2, length: 19 });
  expect(page?.entities.slice(0, -1)).toEqual(without[0]?.entities);
  expect(growing.pages({ final: false })).toEqual(without);
});

test("the status alone is a page, and without text there is none", () => {
  const growing = createGrowingPages();

  const pages = growing.pages({ final: false, status: "Checking stock..." });

  expect(pages.map((page) => page.text)).toEqual(["Checking stock..."]);
  expect(growing.pages({ final: false })).toEqual([]);
});

test("a status that does not fit on the last page is left out: it never moves text nor starts a message", () => {
  const growing = createGrowingPages({ limit: 100 });
  growing.append("word ".repeat(17));

  const withRoom = growing.pages({ final: false, status: "Looking..." });
  growing.append("word ");
  const withoutRoom = growing.pages({ final: false, status: "Looking..." });

  expect(withRoom.map(({ text }) => text)).toEqual([`${"word ".repeat(17).trim()}\n\nLooking...`]);
  expect(withoutRoom.map(({ text }) => text)).toEqual(["word ".repeat(18).trim()]);
});

test("a long code block, list, table and quote each continue over many pages", () => {
  const code = `\`\`\`js\n${Array.from({ length: 400 }, (_, line) => `  line(${line});  `).join("\n\n")}\n\`\`\``;
  const list = Array.from({ length: 400 }, (_, item) => `${item + 1}. món **số** ${item}`).join("\n");
  const quote = Array.from({ length: 400 }, (_, line) => `> dòng **số** ${line}`).join("\n");

  const pages = [code, list, quote].map((text) => paginate(text, { final: true, limit: 900 }));

  expect(new Set(pages[0]?.flatMap(covering))).toEqual(new Set(["pre"]));
  expect(pages[0]?.every((page) => page.entities.length === 1)).toBe(true);
  expect(pages[1]?.map(({ text }) => text).join("\n")).toBe(list.replaceAll("**", ""));
  expect(pages[2]?.every((page) => covering(page).includes("blockquote"))).toBe(true);
  expect(pages.flat().flatMap(findEntityFaults)).toEqual([]);
});

test("a paragraph that is read in pieces keeps its text and markup", () => {
  const bold = `**${"đậm ".repeat(150)}hết**`;
  const words = "giá - 1. hai # ba > bốn | năm + ";
  const paragraph = `${words.repeat(20)}${bold} ${words.repeat(60)}${bold} ${words.repeat(60)}[x](https://a.example) hết.`;

  const [page] = paginate(paragraph, { final: true, limit: 20_000 });

  expect(page?.text).toBe(paragraph.replaceAll("**", "").replace("[x](https://a.example)", "x (https://a.example)"));
  expect(page?.entities.map(({ type, length }) => `${type} ${length}`)).toEqual([
    "bold 603",
    "bold 603",
    "text_link 17",
  ]);
});

function covering(page: FormattedText): string[] {
  return page.entities
    .filter(({ offset, length }) => offset === 0 && length === page.text.length)
    .map(({ type }) => type);
}

function cutInto(text: string, lengths: number[]): string[] {
  const deltas: string[] = [];
  for (let start = 0; start < text.length; ) {
    const length = lengths[deltas.length % lengths.length] ?? 1;
    deltas.push(text.slice(start, start + length));
    start += length;
  }
  return deltas;
}
