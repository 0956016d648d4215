/** The pages for people: what they link to and name exists, and they stay short. */
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { anchorsOf, type Page, ROOT, readPage, readPages, relativeLinksOf, sentencesOf } from "./markdown.ts";

const pages = readPages();
/** What is not kept up to date: what was true when it was written stays. */
const RECORDS = /^(CHANGELOG\.md|bench\/results\/)/;
const living = pages.filter(({ path }) => !RECORDS.test(path));

const MAX_README_LINES = 150;
const MAX_DECISION_LINES = 60;
/** Nine sentences in ten have at most so many words. */
const LONG_SENTENCE_WORDS = 25;

test("every relative link of a page leads to a file, and to a heading in it", () => {
  expect(pages.flatMap(brokenLinksOf)).toEqual([]);
});

test("the check of links notices what is missing", () => {
  const page = (text: string) => ({ path: "docs/page.md", text: `# One: two\n${text}` });

  expect(brokenLinksOf(page("[a](operate.md#settings) [b](#one-two) [c](https://example.com/x) `[d](no.md)`"))).toEqual(
    [],
  );
  expect(brokenLinksOf(page("[a](no-such.md)"))).toEqual(["docs/page.md: no-such.md"]);
  expect(brokenLinksOf(page("[a](operate.md#no-such) [b](#three)"))).toHaveLength(2);
  expect(brokenLinksOf(page('<img src="no-such.png">'))).toHaveLength(1);
});

test("every path of the project that a page names exists", () => {
  const named = living.flatMap(({ path, text }) =>
    [...text.matchAll(/`((?:src|sandbox|test|bench|docs|deploy|scripts|drizzle)\/[a-z0-9./-]*)`/g)].map(
      ([, name = ""]) => ({ path, name }),
    ),
  );

  expect(named.length).toBeGreaterThan(30);
  expect(named.filter(({ name }) => !existsSync(join(ROOT, name)))).toEqual([]);
});

test("every script of npm that a page names exists", () => {
  const { scripts } = JSON.parse(readPage("package.json").text) as { scripts: Record<string, string> };
  const named = living.flatMap(({ path, text }) =>
    [...text.matchAll(/\bnpm run (?:--\w+ )?([\w:-]+)/g)].map(([, name = ""]) => ({ path, name })),
  );

  expect(named.filter(({ name }) => !(name in scripts))).toEqual([]);
});

test(`the README has at most ${MAX_README_LINES} lines, a decision at most ${MAX_DECISION_LINES}`, () => {
  const limitOf = ({ path }: Page) => {
    if (path === "README.md") return MAX_README_LINES;
    return path.startsWith("docs/decisions/") ? MAX_DECISION_LINES : Number.POSITIVE_INFINITY;
  };

  expect(pages.filter((page) => page.text.split("\n").length - 1 > limitOf(page)).map(({ path }) => path)).toEqual([]);
});

test("the index of the decisions lists each of them", () => {
  const index = readPage("docs/decisions/README.md").text;
  const decisions = pages.map(({ path }) => path).filter((path) => /^docs\/decisions\/\d/.test(path));

  expect(decisions.filter((path) => !index.includes(`(${path.slice("docs/decisions/".length)})`))).toEqual([]);
});

test(`nine sentences in ten of a page have at most ${LONG_SENTENCE_WORDS} words`, () => {
  const wordy = living.map(({ path, text }) => {
    const sentences = sentencesOf(text).sort((a, b) => wordsIn(b) - wordsIn(a));
    return {
      path,
      tooLong: sentences.slice(Math.floor(sentences.length / 10)).filter((it) => wordsIn(it) > LONG_SENTENCE_WORDS),
    };
  });

  expect(wordy.filter(({ tooLong }) => tooLong.length > 0)).toEqual([]);
});

function brokenLinksOf({ path, text }: Page): string[] {
  const broken = relativeLinksOf(text).filter((link) => {
    const [file = "", anchor] = link.split("#");
    const target = normalize(join(dirname(path), file));
    if (file !== "" && !existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsOf(file === "" ? text : readPage(target).text).has(anchor);
  });
  return broken.map((link) => `${path}: ${link}`);
}

function wordsIn(sentence: string): number {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}
