import { expect, test } from "vitest";
import { paginate, TELEGRAM_TEXT_LIMIT } from "../../../../src/bot/reply/pages/pages.ts";
import { fc } from "../../../support/property.ts";
import { findEntityFaults } from "../markdown/entity-faults.ts";
import { answerOfLength } from "../markdown/markdown-answers.ts";
import { answer, wildMarkdown } from "../markdown/markdown-arbitraries.ts";
import { renderMarkdown } from "../markdown/markdown-rendering.ts";
import { covering, texts, visible } from "./page-support.ts";

const limits = fc.constantFrom(200, 300, 500, 900);

test("blank text has no pages and a short one has one", () => {
  const blank = ["", " \n\n ", "```\n```", "\u200b", "\0"].map((text) => paginate(text, { final: true }));
  const short = paginate("**hi**", { final: true });

  expect(blank).toEqual([[], [], [], [], []]);
  expect(short).toEqual([renderMarkdown("**hi**", { final: true })]);
});

test("a text of exactly the limit is one page, one more unit makes two", () => {
  const words = "abc ".repeat(TELEGRAM_TEXT_LIMIT / 4 - 1);

  const exact = paginate(`${words}abcd`, { final: true });
  const over = paginate(`${words}abcde`, { final: true });

  expect(exact.map((page) => page.text.length)).toEqual([TELEGRAM_TEXT_LIMIT]);
  expect(over.map((page) => page.text.length)).toEqual([TELEGRAM_TEXT_LIMIT - 5, 5]);
});

test("a word longer than a page is split between graphemes", () => {
  const family = "👩‍👩‍👧";
  const accented = "e\u0323\u0302";

  const families = paginate(family.repeat(40), { final: true, limit: 50 });
  const letters = paginate(accented.repeat(40), { final: true, limit: 50 });

  expect(new Set(texts(families))).toEqual(new Set([family.repeat(6), family.repeat(4)]));
  expect(new Set(texts(letters))).toEqual(new Set([accented.repeat(16), accented.repeat(8)]));
});

test("a grapheme longer than a page is sent, with no surrogate pair cut", () => {
  const pages = paginate("👩\u200d".repeat(40), { final: true, limit: 20 });

  expect(pages.flatMap(findEntityFaults)).toEqual([]);
  expect(texts(pages).join("").replaceAll("\u200d", "")).toBe("👩".repeat(40));
});

test("bold, quotes and code blocks are closed and opened again at a page break", () => {
  const bold = paginate(`**${"bold ".repeat(30)}end**`, { final: true, limit: 100 });
  const quote = paginate(`> ${"said ".repeat(30)}`, { final: true, limit: 100 });
  const code = paginate(`\`\`\`js\n${"    line();\n".repeat(12)}\`\`\``, { final: true, limit: 100 });

  expect(bold.map(covering)).toEqual([["bold"], ["bold"]]);
  expect(quote.map(covering)).toEqual([["blockquote"], ["blockquote"]]);
  expect(code.map(covering)).toEqual([["pre js"], ["pre js"]]);
  expect(new Set(texts(code).flatMap((text) => text.split("\n")))).toEqual(new Set(["    line();"]));
});

test("a list is split between its items and continues its numbers", () => {
  const items = Array.from({ length: 12 }, (_, index) => `${index + 1}. item that is listed`).join("\n");

  const pages = paginate(items, { final: true, limit: 120 });

  expect(texts(pages).join("\n")).toBe(items);
  expect(pages[1]?.text).toMatch(/^\d+\. item/);
});

test("every page is within the limit, and Telegram accepts its entities", () => {
  const markdown = fc.oneof(answer, wildMarkdown);

  fc.assert(
    fc.property(markdown, limits, fc.boolean(), (text, limit, final) => {
      for (const page of paginate(text, { final, limit })) {
        expect(page.text.length).toBeGreaterThan(0);
        expect(page.text.length).toBeLessThanOrEqual(limit);
        expect(findEntityFaults(page)).toEqual([]);
      }
    }),
    { numRuns: 200 },
  );
});

test("the pages together show every character of the text once", () => {
  fc.assert(
    fc.property(fc.oneof(answer, wildMarkdown), fc.constantFrom(40, 200, 900), fc.boolean(), (text, limit, final) => {
      const pages = texts(paginate(text, { final, limit })).join("");

      expect(visible(pages)).toBe(visible(renderMarkdown(text, { final }).text));
    }),
    { numRuns: 200 },
  );
});

test("a full page does not change while the text grows", () => {
  const steps = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 5, maxLength: 60 });

  fc.assert(
    fc.property(answer, limits, steps, (text, limit, sizes) => {
      const whole = paginate(text, { final: true, limit });
      for (const prefix of prefixesOf(text, sizes)) {
        const full = paginate(prefix, { final: false, limit }).slice(0, -1);
        expect(full, prefix.slice(-40)).toEqual(whole.slice(0, full.length));
      }
    }),
    { numRuns: 60 },
  );
});

test("a full page does not change at any step of a long answer with all kinds of blocks", () => {
  const [text = ""] = fc.sample(answer, { numRuns: 12, seed: 7 }).sort((a, b) => b.length - a.length);
  const whole = paginate(text, { final: true, limit: 300 });
  expect(whole.length).toBeGreaterThan(7);

  for (let length = 1; length <= text.length; length++) {
    const full = paginate(text.slice(0, length), { final: false, limit: 300 }).slice(0, -1);
    expect(full).toEqual(whole.slice(0, full.length));
  }
});

test.each([
  [9_600, 3],
  [40_000, 10],
])(
  "an answer of %d characters takes %d messages, shows each character once and has valid entities",
  (length, count) => {
    const markdown = answerOfLength(length);
    const whole = renderMarkdown(markdown, { final: true });

    const pages = paginate(markdown, { final: true });

    expect(whole.text.length).toBe(length);
    expect(pages.length).toBe(count);
    expect(visible(texts(pages).join(""))).toBe(visible(whole.text));
    expect(pages.flatMap(findEntityFaults)).toEqual([]);
  },
);

test("of more entities than Telegram accepts, code blocks and then the first ones are kept", () => {
  const markdown = `${"**b** ".repeat(150)}\n\n\`\`\`js\ncode\n\`\`\``;

  const [page] = paginate(markdown, { final: true });

  expect(page?.entities.length).toBe(100);
  expect(page?.entities.at(-1)?.type).toBe("pre");
  expect(page?.entities.at(-2)?.offset).toBe(98 * 2);
});

function prefixesOf(text: string, sizes: number[]): string[] {
  const prefixes: string[] = [];
  let length = 0;
  while (length < text.length) {
    length += sizes[prefixes.length % sizes.length] ?? 1;
    prefixes.push(text.slice(0, length));
  }
  return prefixes;
}
