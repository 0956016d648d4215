/** The project's Markdown pages, as the tests of them read them. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Page {
  /** From the root of the project, such as `docs/operate.md`. */
  readonly path: string;
  readonly text: string;
}

export interface CodeBlock {
  readonly language: string;
  readonly content: string;
}

const PAGES = ["*.md", "docs/**/*.md", "bench/results/*.md"];

/** The README first, then all others by name. */
export function readPages(): Page[] {
  const paths = globSync(PAGES, { cwd: ROOT }).sort(
    (a, b) => Number(b === "README.md") - Number(a === "README.md") || (a < b ? -1 : 1),
  );
  return paths.map(readPage);
}

export function readPage(path: string): Page {
  return { path, text: readFileSync(`${ROOT}${path}`, "utf8") };
}

/** In the order of the page. A block inside a list is read without its indentation. */
export function codeBlocksOf(text: string): CodeBlock[] {
  return [...text.matchAll(CODE_BLOCK)].map(([, indent = "", language = "", content = ""]) => ({
    language,
    content: content.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

export function withoutCodeBlocks(text: string): string {
  return text.replaceAll(CODE_BLOCK, "");
}

const CODE_BLOCK = /^( *)```(\w*)\n(.*?)^\1```$/gms;

/** Targets of links and pictures that are neither addresses nor mail. */
export function relativeLinksOf(text: string): string[] {
  const prose = withoutCodeBlocks(text).replaceAll(/`[^`\n]*`/g, "``");
  const links = prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g);
  return [...links].map(([, link, source]) => link ?? source ?? "").filter((link) => !/^[a-z]+:/.test(link));
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCodeBlocks(text).matchAll(/^#+ (.+)$/gm)) {
    const name = heading
      .toLowerCase()
      .replaceAll(/\]\([^)]*\)/g, "")
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = name;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${name}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** The sentences of the prose, in plain words: without code blocks, tables and headings, an inline code as one word. */
export function sentencesOf(text: string): string[] {
  const prose = withoutCodeBlocks(text)
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll(/^(\||#).*$/gm, "")
    .replaceAll(/^(> ?)?\s*([-*]|\d+\.) /gm, "\n\n")
    .replaceAll(/`[^`]*`/g, "code")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/\*+|^> ?/gm, "");
  return prose
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.split(/(?<=[.!?][)"]*)\s+(?=[\p{Lu}\p{N}"(]|code)/u))
    .map((sentence) => sentence.trim())
    .filter((sentence) => /\p{L}/u.test(sentence));
}
