import fc from "fast-check";
import { expect, test } from "vitest";
import { type FormattedText, renderMarkdown } from "../../../src/bot/reply/markdown.ts";
import { TABLE_RULE } from "../../../src/bot/reply/markdown-table.ts";
import { paginate, TELEGRAM_TEXT_LIMIT } from "../../../src/bot/reply/pages.ts";
import { findEntityFaults } from "./entity-faults.ts";
import { answer, wildMarkdown } from "./markdown-arbitraries.ts";

const limits = fc.constantFrom(200, 300, 500, 900);

test("blank text has no pages and a short one has one", () => {
  const blank = ["", " \n\n ", "```\n```", "\u200b", "\0"].map((text) => paginate(text, { final: true }));
  const short = paginate("**hi**", { final: true });

  expect(blank).toEqual([[], [], [], [], []]);
  expect(short).toEqual([renderMarkdown("**hi**", { final: true })]);
});

test("a text of exactly the limit is one page, one unit more makes two", () => {
  const words = "abc ".repeat(TELEGRAM_TEXT_LIMIT / 4 - 1);

  const exact = paginate(`${words}abcd`, { final: true });
  const over = paginate(`${words}abcde`, { final: true });

  expect(exact.map((page) => page.text.length)).toEqual([TELEGRAM_TEXT_LIMIT]);
  expect(over.map((page) => page.text.length)).toEqual([TELEGRAM_TEXT_LIMIT - 5, 5]);
});

test("a page that is half full ends where a block ends, though the next block would begin on it", () => {
  const first = "a ".repeat(30).trim();
  const second = "b ".repeat(30).trim();

  const pages = paginate(`${first}\n\n${second}`, { final: true, limit: 100 });

  expect(texts(pages)).toEqual([first, second]);
});

test("a page less than half full takes the next block up to a line, else up to a word", () => {
  const lines = paginate(`intro\n\n${"b".repeat(60)}\n${"c".repeat(60)}`, { final: true, limit: 100 });
  const words = paginate(`intro\n\n${"bcd ".repeat(40)}`, { final: true, limit: 100 });

  expect(texts(lines)).toEqual([`intro\n\n${"b".repeat(60)}`, "c".repeat(60)]);
  expect(words[0]?.text).toBe(`intro\n\n${"bcd ".repeat(23).trim()}`);
});

test("a heading goes to the next page together with its text", () => {
  const pages = paginate(`${"a ".repeat(30)}\n\n# Title\n\n${"b ".repeat(30)}`, { final: true, limit: 100 });

  expect(pages[1]?.text).toMatch(/^Title\n\nb b/);
});

test("a word longer than a page is cut between characters, never inside one", () => {
  const family = "👩‍👩‍👧";
  const accented = "e\u0323\u0302";

  const families = paginate(family.repeat(40), { final: true, limit: 50 });
  const letters = paginate(accented.repeat(40), { final: true, limit: 50 });

  expect(new Set(texts(families))).toEqual(new Set([family.repeat(6), family.repeat(4)]));
  expect(new Set(texts(letters))).toEqual(new Set([accented.repeat(16), accented.repeat(8)]));
});

test("one character longer than a page is still sent, with no surrogate pair cut", () => {
  const pages = paginate("👩\u200d".repeat(40), { final: true, limit: 20 });

  expect(pages.flatMap(findEntityFaults)).toEqual([]);
  expect(texts(pages).join("").replaceAll("\u200d", "")).toBe("👩".repeat(40));
});

test("bold, quotes and code blocks are whole on both pages", () => {
  const bold = paginate(`**${"bold ".repeat(30)}end**`, { final: true, limit: 100 });
  const quote = paginate(`> ${"said ".repeat(30)}`, { final: true, limit: 100 });
  const code = paginate(`\`\`\`js\n${"    line();\n".repeat(12)}\`\`\``, { final: true, limit: 100 });

  expect(bold.map(covering)).toEqual([["bold"], ["bold"]]);
  expect(quote.map(covering)).toEqual([["blockquote"], ["blockquote"]]);
  expect(code.map(covering)).toEqual([["pre js"], ["pre js"]]);
  expect(new Set(texts(code).flatMap((text) => text.split("\n")))).toEqual(new Set(["    line();"]));
});

test("a list is cut between its items and goes on with its numbers", () => {
  const items = Array.from({ length: 12 }, (_, index) => `${index + 1}. item that is listed`).join("\n");

  const pages = paginate(items, { final: true, limit: 120 });

  expect(texts(pages).join("\n")).toBe(items);
  expect(pages[1]?.text).toMatch(/^\d+\. item/);
});

test("a table that would cross a page goes to the next page whole", () => {
  const table = ["| Món | SL |", "|---|--:|", ...Array.from({ length: 6 }, (_, row) => `| món số ${row} | ${row} |`)];

  const pages = paginate(`${"a ".repeat(40)}\n\n${table.join("\n")}`, { final: true, limit: 150 });

  expect(pages[0]).toEqual({ text: "a ".repeat(40).trim(), entities: [] });
  expect(pages.slice(1)).toEqual([renderMarkdown(table.join("\n"), { final: true })]);
});

test("a table longer than a page goes on without header, its columns as wide as the rows there need", () => {
  const rows = [
    ...Array.from({ length: 8 }, () => "| a | 1 |"),
    ...Array.from({ length: 8 }, () => "| much wider | 1 |"),
  ];

  const pages = paginate(["| x | y |", "|---|---|", ...rows].join("\n"), { final: true, limit: 60 });

  expect(pages[0]?.text.startsWith("x  y\n─  ─\na  1")).toBe(true);
  expect(pages.at(-1)?.text.startsWith("much wider  1\n")).toBe(true);
  expect(pages.every((page) => covering(page).includes("pre"))).toBe(true);
});

test("a table row longer than a page is cut and loses nothing", () => {
  const table = `| x |\n|---|\n| ${"long ".repeat(30)}|\n| end |`;

  const pages = paginate(table, { final: true, limit: 50 });

  expect(visible(texts(pages).join(""))).toBe(`x${"long".repeat(30)}end`);
  expect(pages.every((page) => page.text.length <= 50)).toBe(true);
});

test("every page is within the limit, and Telegram takes its entities", () => {
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

test("a page that is full stays as it is while the text grows", () => {
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

test("a full page stays at every single step of a long answer with all kinds of blocks", () => {
  const [text = ""] = fc.sample(answer, { numRuns: 12, seed: 7 }).sort((a, b) => b.length - a.length);
  const whole = paginate(text, { final: true, limit: 300 });
  expect(whole.length).toBeGreaterThan(8);

  for (let length = 1; length <= text.length; length++) {
    const full = paginate(text.slice(0, length), { final: false, limit: 300 }).slice(0, -1);
    expect(full).toEqual(whole.slice(0, full.length));
  }
});

test("an answer takes few more messages than its length needs", () => {
  fc.assert(
    fc.property(answer, (text) => {
      const length = renderMarkdown(text, { final: true }).text.length;

      const pages = paginate(text, { final: true, limit: 900 });

      expect(pages.length).toBeLessThanOrEqual(Math.ceil(length / 450) + 2);
    }),
    { numRuns: 100 },
  );
});

function texts(pages: FormattedText[]): string[] {
  return pages.map((page) => page.text);
}

/** The entities that lie over a whole page. */
function covering(page: FormattedText): string[] {
  return page.entities
    .filter((entity) => entity.offset === 0 && entity.length === page.text.length)
    .map((entity) => (entity.type === "pre" && entity.language ? `pre ${entity.language}` : entity.type));
}

/** The characters that a reader sees: a table's padding and the line under its header depend on the page. */
function visible(text: string): string {
  return text.replaceAll(TABLE_RULE, "").replace(/[\s\p{Cf}]/gu, "");
}

function prefixesOf(text: string, sizes: number[]): string[] {
  const prefixes: string[] = [];
  let length = 0;
  while (length < text.length) {
    length += sizes[prefixes.length % sizes.length] ?? 1;
    prefixes.push(text.slice(0, length));
  }
  return prefixes;
}
