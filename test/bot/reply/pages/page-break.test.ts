import { expect, test } from "vitest";
import { paginate } from "../../../../src/bot/reply/pages/pages.ts";
import { renderMarkdown } from "../markdown/markdown-rendering.ts";
import { covering, texts, visible } from "./page-support.ts";

test.each([
  ["a block", "b c d e f g\n\nh.\ni", "g"],
  ["a line, if no block ends there", "b c d e f g\nh. i", "g"],
  ["an item of a list", "b c\n- d e f g\n- h. i", "g"],
  ["a line inside an item, as items are no blocks of their own", "b c\n- d e f\n- g\n  h. i", "g"],
  ["a sentence, if no line ends there", "b c d e f? g h i", "f?"],
  ["a sentence with its bracket", "b c (d e.) g h i", "(d e.)"],
  ["a word, but not an abbreviation for a sentence", "b c d e TP. Huế là f g", "f"],
  ["a word, but not the number of an item", `b c d e f\n1. ${"g".repeat(30)}`, "f"],
  ["a word, but not a sum without its currency", "b c d e f gh 12.000 ₫", "gh"],
])("a page ends in its last fortieth, after %s", (_, end, last) => {
  const [page] = paginate(`${"a ".repeat(190)}${end}${" i".repeat(30)}`, { final: true, limit: 400 });

  expect(page?.text).toMatch(new RegExp(`^.{380}.*\\s${RegExp.escape(last)}$`, "s"));
});

test("no more than a fortieth of a page stays empty for a neat break, but words stay whole", () => {
  const block = paginate(`${"a ".repeat(180)}\n\n${"b ".repeat(180)}`, { final: true, limit: 400 });
  const address = paginate(`${"a ".repeat(170)}https://shop.example/${"b".repeat(60)}`, { final: true, limit: 400 });

  expect(block[0]?.text).toMatch(/a\n\nb[b ]+b$/);
  expect(address[1]?.text).toBe(`https://shop.example/${"b".repeat(60)}`);
});

test("headings move to the next page together with their text", () => {
  const pages = paginate(`${"a ".repeat(190)}\n\n# Title\n## Part\n\n${"b ".repeat(30)}`, { final: true, limit: 400 });
  const onlyHeadings = paginate("# Title\n".repeat(40), { final: true, limit: 100 });

  expect(pages[1]?.text).toMatch(/^Title\nPart\n\nb b/);
  expect(onlyHeadings.length).toBe(3);
});

test("code that starts in the last quarter of a page and does not fit moves to the next page", () => {
  const code = `\`\`\`sql\n${"SELECT 1;\n".repeat(20)}\`\`\``;

  const late = paginate(`${"a ".repeat(155)}\n\n${code}`, { final: true, limit: 400 });
  const inList = paginate(`${"a ".repeat(150)}\n\n1. run:\n   ${code.replaceAll("\n", "\n   ")}`, {
    final: true,
    limit: 400,
  });
  const earlier = paginate(`${"a ".repeat(140)}\n\n${code}`, { final: true, limit: 400 });

  expect(late[1]).toEqual(renderMarkdown(code, { final: true }));
  expect(inList[0]?.text).toMatch(/\n1\. run:$/);
  expect(earlier[0]?.text).toMatch(/SELECT 1;$/);
  expect(earlier.slice(1).map(covering)).toEqual([["pre sql"]]);
});

test("a table that starts in the last quarter of a page and does not fit moves to the next page", () => {
  const rows = Array.from({ length: 8 }, (_, row) => `| món số ${row} | ${row} |`);
  const markdown = `# Title\n\n| Món | SL |\n|---|--:|\n${rows.join("\n")}`;

  const pages = paginate(`${"a ".repeat(155)}\n\n${markdown}`, { final: true, limit: 400 });

  expect(pages[0]).toEqual({ text: "a ".repeat(155).trim(), entities: [] });
  expect(pages.slice(1)).toEqual([renderMarkdown(markdown, { final: true })]);
});

test("a table that starts earlier fills the page with its rows and continues on the next one", () => {
  const rows = Array.from({ length: 12 }, (_, row) => `| món ${row} | ${row} |`);

  const pages = paginate(`${"a ".repeat(30)}\n\n| Món | SL |\n|---|--:|\n${rows.join("\n")}`, {
    final: true,
    limit: 150,
  });

  expect(pages[0]?.text).toMatch(/a\n\nMón.*\nmón 6\s+6$/s);
  expect(pages[1]?.text).toMatch(/^món 7\s+7\n/);
});

test("a table of exactly the limit is one page, one more unit makes two", () => {
  const table = "| a | b | c |\n|--:|:-:|---|\n| 🍵 long | 1 | |\n| x | 12345 | z |\n| | y | |";
  const { text } = renderMarkdown(table, { final: true });

  const [exact, less] = [0, 1].map((missing) => paginate(table, { final: true, limit: text.length - missing }));

  expect(exact?.map((page) => page.text)).toEqual([text]);
  expect(less?.length).toBe(2);
});

test("a table longer than a page continues without header, with columns as wide as the rows there need", () => {
  const rows = [
    ...Array.from({ length: 8 }, () => "| a | 1 |"),
    ...Array.from({ length: 8 }, () => "| much wider | 1 |"),
  ];

  const pages = paginate(["| x | y |", "|---|---|", ...rows].join("\n"), { final: true, limit: 60 });

  expect(pages[0]?.text.startsWith("x  y\n─  ─\na  1")).toBe(true);
  expect(pages.at(-1)?.text.startsWith("much wider  1\n")).toBe(true);
  expect(pages.every((page) => covering(page).includes("pre"))).toBe(true);
});

test("a table row longer than a page is split and loses nothing", () => {
  const table = `| x |\n|---|\n| ${"long ".repeat(30)}|\n| end |`;

  const pages = paginate(table, { final: true, limit: 50 });

  expect(visible(texts(pages).join(""))).toBe(`x${"long".repeat(30)}end`);
  expect(pages.every((page) => page.text.length <= 50)).toBe(true);
});
