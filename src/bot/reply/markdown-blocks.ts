/**
 * Markdown blocks (paragraphs, lists, quotes, code, tables) as parts of a Telegram text, not yet cut into messages.
 *
 * What a block becomes never depends on a block that comes later, and only on the source up to it: so what a reader has seen
 * of a growing text stays. Blocks stand as far apart as in the source, a line or a blank line.
 */
import type { Token, Tokens } from "marked";
import {
  appendFormatted,
  createFormattedText,
  type FormattedText,
  tidyFormatted,
  writeStyled,
} from "./formatted-text.ts";
import { writeInline } from "./markdown-inline.ts";
import { isToken, lexMarkdown } from "./markdown-lexer.ts";
import { cleanSource, countLineBreaksAtEnd } from "./markdown-source.ts";
import { layOutTable, readTable, type TableCells } from "./markdown-table.ts";
import { lexUnfinished } from "./markdown-unfinished.ts";

const HORIZONTAL_RULE = "———";
const LIST_INDENT = "  ";

/** Text between top-level tables. It starts with the line breaks that part it from what is before it. */
export interface TextPart extends FormattedText {
  kind: "text";
  /** Where a block ends and the text may be cut with the least harm; a heading stays with what follows it. */
  blockEnds: number[];
}

/** A top-level table, not laid out: its columns are as wide as the rows on one page need. */
export interface TablePart {
  kind: "table";
  /** The line breaks before the table. */
  gap: string;
  table: TableCells;
}

export type MarkdownPart = TextPart | TablePart;

interface Nesting {
  indent: string;
  isInQuote: boolean;
}

/**
 * The parts of a text, in order.
 *
 * @param options.final false while the text still grows: what is half there at its end is then guessed or kept back
 */
export function renderParts(markdown: string, options: { final: boolean }): MarkdownPart[] {
  const source = cleanSource(markdown, options);
  try {
    return readParts(options.final ? lexMarkdown(source) : lexUnfinished(source));
  } catch (error) {
    // Emphasis nested a thousand deep overflows the stack, as `marked` recurses: such a text is shown as it stands.
    if (!(error instanceof RangeError)) throw error;
    return readParts([{ type: "text", raw: source, text: source }]);
  }
}

function readParts(tokens: Token[]): MarkdownPart[] {
  const parts: MarkdownPart[] = [];
  let current = createTextPart();
  for (const { token, gap, follows } of spaced(tokens)) {
    if (follows !== undefined && !isToken(follows, "heading")) current.blockEnds.push(current.text.length);
    if (isToken(token, "table")) {
      parts.push(current, { kind: "table", gap, table: readTable(token) });
      current = createTextPart();
    } else {
      const isFirst = current.text === "" && parts.length === 0;
      writeSpacedBlock(current, isFirst ? "" : gap, { token, nesting: { indent: "", isInQuote: false } });
    }
  }
  return [...parts, current].filter((part) => part.kind === "table" || part.text.trim() !== "");
}

function createTextPart(): TextPart {
  return { kind: "text", ...createFormattedText(), blockEnds: [] };
}

/** Blocks with the line breaks that stand before each. */
function* spaced(tokens: Token[]): Generator<{ token: Token; gap: string; follows: Token | undefined }> {
  let lineBreaks = 0;
  let follows: Token | undefined;
  for (const token of tokens) {
    if (token.type !== "space") {
      const gap = follows === undefined ? "" : lineBreaks > 1 ? "\n\n" : "\n";
      yield { token, gap, follows };
      follows = token;
      lineBreaks = 0;
    }
    lineBreaks += countLineBreaksAtEnd(token.raw);
  }
}

/** Writes `gap` and a block, or nothing at all if the block shows nothing. */
function writeSpacedBlock(target: FormattedText, gap: string, block: { token: Token; nesting: Nesting }): void {
  // On its own first: looking into a long text after every small addition would copy it each time.
  const written = createFormattedText();
  writeBlock(written, block.token, block.nesting);
  if (written.text.trim() === "") return;
  const isPreformatted = isToken(block.token, "code") || isToken(block.token, "table");
  // Code has lines of its own, also as the first thing in a list item.
  if (isPreformatted) target.text += gap === "" && target.text !== "" ? "\n" : gap;
  else target.text += gap === "" ? "" : gap + block.nesting.indent;
  appendFormatted(target, written);
}

function writeBlocks(target: FormattedText, tokens: Token[], nesting: Nesting): void {
  for (const { token, gap } of spaced(tokens)) {
    writeSpacedBlock(target, target.text === "" ? "" : gap, { token, nesting });
  }
}

function writeBlock(target: FormattedText, token: Token, nesting: Nesting): void {
  if (isToken(token, "heading")) {
    writeStyled(target, { type: "bold" }, () => writeInline(target, token.tokens, nesting.indent));
  } else if (isToken(token, "code")) {
    writeCode(target, token);
  } else if (isToken(token, "list")) {
    writeList(target, token, nesting);
  } else if (isToken(token, "blockquote")) {
    writeQuote(target, token, nesting);
  } else if (isToken(token, "table")) {
    writePreformatted(target, layOutTable(readTable(token)));
  } else if (token.type === "hr") {
    target.text += HORIZONTAL_RULE;
  } else {
    writeInline(target, "tokens" in token ? (token.tokens ?? [token]) : [token], nesting.indent);
  }
}

function writeCode(target: FormattedText, token: Tokens.Code): void {
  const language = /[\w+#.-]+/.exec(token.lang ?? "")?.[0];
  writePreformatted(target, token.text.trimEnd(), language);
}

function writePreformatted(target: FormattedText, text: string, language?: string): void {
  writeStyled(target, language === undefined ? { type: "pre" } : { type: "pre", language }, () => {
    target.text += text;
  });
}

/** Telegram refuses a quote in a quote: an inner one joins the outer. */
function writeQuote(target: FormattedText, token: Tokens.Blockquote, nesting: Nesting): void {
  const write = () => writeBlocks(target, token.tokens, { ...nesting, isInQuote: true });
  if (nesting.isInQuote) write();
  else writeStyled(target, { type: "blockquote" }, write);
}

function writeList(target: FormattedText, list: Tokens.List, nesting: Nesting): void {
  let gap = "";
  for (const [index, item] of list.items.entries()) {
    if (index > 0) target.text += gap + nesting.indent;
    target.text += bulletOf(list, item, index);
    const content = item.tokens.filter((token) => !isToken(token, "checkbox"));
    writeBlocks(target, content, { ...nesting, indent: nesting.indent + LIST_INDENT });
    // Read off this item alone: whether a list is loose can be decided by its last item.
    gap = countLineBreaksAtEnd(item.raw) > 1 ? "\n\n" : "\n";
  }
}

function bulletOf(list: Tokens.List, item: Tokens.ListItem, index: number): string {
  const delimiter = /^\s*\d+([.)])/.exec(item.raw)?.[1] ?? ".";
  const number = list.ordered ? `${Number(list.start) + index}${delimiter} ` : "";
  if (item.task) return `${number}${item.checked === true ? "☑" : "☐"} `;
  return number || "• ";
}

/** The parts as one text. */
export function joinParts(parts: MarkdownPart[]): FormattedText {
  const whole = createFormattedText();
  for (const part of parts) {
    if (part.kind === "text") {
      appendFormatted(whole, part);
    } else {
      if (whole.text !== "") whole.text += part.gap;
      writePreformatted(whole, layOutTable(part.table));
    }
  }
  return tidyFormatted(whole);
}
