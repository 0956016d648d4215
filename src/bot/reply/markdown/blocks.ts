/**
 * Markdown blocks (paragraphs, list items, quotes, code, table rows) as pieces of a Telegram text, not yet split into pages.
 *
 * A block never depends on a later block, so that text on the screen does not change while the reply grows. Blocks are
 * separated as in the source, by a line break or a blank line.
 */
import type { Token, Tokens } from "marked";
import {
  appendFormatted,
  createFormattedText,
  type FormattedText,
  sliceFormatted,
  writeStyled,
} from "./formatted-text.ts";
import { writeInline } from "./inline.ts";
import { CONTINUATION, isToken } from "./lexer.ts";
import { countLineBreaksAtEnd } from "./source.ts";
import { layOutTable, readRow, readTable, type TableRow } from "./table.ts";
import type { Unit } from "./units.ts";

const HORIZONTAL_RULE = "———";
const LIST_INDENT = "  ";

export interface TextBlock extends FormattedText {
  kind: "heading" | "item" | "text";
  /** The separator from the previous block, if there is one on the same page. */
  gap: string;
  /** Whether it continues the previous block, which was cut in the source: code and quotes are then joined. */
  joins: boolean;
}

/** A row of a top-level table. It is laid out later, because the column widths depend on the rows on its page. */
export interface RowBlock extends TableRow {
  kind: "row";
  gap: string;
}

export type Block = TextBlock | RowBlock;

/** How a unit is attached to the previous one. */
export interface Joint {
  gap: string;
  joins: boolean;
  /** The number of an item of an ordered list. */
  number: number;
}

interface Nesting {
  indent: string;
  isInQuote: boolean;
}

interface ItemPlace {
  list: Tokens.List;
  index: number;
  number: number;
}

const TOP: Nesting = { indent: "", isInQuote: false };

/** One unit as a block; null if it shows nothing, such as an empty code block. */
export function toBlock({ content }: Unit, { number, ...joint }: Joint): Block | null {
  if (content.kind === "row") return { kind: "row", gap: joint.gap, ...readRow(content.table, content.index) };
  const written = createFormattedText();
  if (content.kind === "item") writeItem(written, { ...content, number }, TOP);
  else writeBlock(written, content.token, TOP);
  const end = written.text.trimEnd().length;
  // There is only the mark while the rest is held back.
  const start = `${written.text} `.startsWith(CONTINUATION) ? CONTINUATION.length : 0;
  if (end <= start) return null;
  return { kind: kindOf(content), ...joint, ...sliceFormatted(written, start, end) };
}

function kindOf(content: Unit["content"]): TextBlock["kind"] {
  if (content.kind === "block") return isToken(content.token, "heading") ? "heading" : "text";
  return "item";
}

/** Blocks, each with the separator before it. */
function* spaced(tokens: Token[]): Generator<{ token: Token; gap: string }> {
  let lineBreaks = 0;
  let isFirst = true;
  for (const token of tokens) {
    if (token.type !== "space") {
      yield { token, gap: isFirst ? "" : lineBreaks > 1 ? "\n\n" : "\n" };
      isFirst = false;
      lineBreaks = 0;
    }
    lineBreaks += countLineBreaksAtEnd(token.raw);
  }
}

/** Writes `gap` and a block, or nothing if the block shows nothing. */
function writeSpacedBlock(target: FormattedText, gap: string, block: { token: Token; nesting: Nesting }): void {
  // Into a text of its own first: reading a long text after every addition would copy it each time.
  const written = createFormattedText();
  writeBlock(written, block.token, block.nesting);
  if (written.text.trim() === "") return;
  const isPreformatted = isToken(block.token, "code") || isToken(block.token, "table");
  // Code starts on a new line, also at the start of a list item.
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

/** Telegram refuses nested quotes: an inner quote becomes part of the outer one. */
function writeQuote(target: FormattedText, token: Tokens.Blockquote, nesting: Nesting): void {
  const write = () => writeBlocks(target, token.tokens, { ...nesting, isInQuote: true });
  if (nesting.isInQuote) write();
  else writeStyled(target, { type: "blockquote" }, write);
}

function writeList(target: FormattedText, list: Tokens.List, nesting: Nesting): void {
  let gap = "";
  for (const [index, item] of list.items.entries()) {
    if (index > 0) target.text += gap + nesting.indent;
    writeItem(target, { list, index, number: Number(list.start) + index }, nesting);
    // From this item alone: the last item may decide whether the list is loose.
    gap = countLineBreaksAtEnd(item.raw) > 1 ? "\n\n" : "\n";
  }
}

function writeItem(target: FormattedText, place: ItemPlace, nesting: Nesting): void {
  const item = place.list.items[place.index];
  if (item === undefined) return;
  target.text += bulletOf(item, place);
  const content = item.tokens.filter((token) => !isToken(token, "checkbox"));
  writeBlocks(target, content, { ...nesting, indent: nesting.indent + LIST_INDENT });
}

function bulletOf(item: Tokens.ListItem, { list, number }: ItemPlace): string {
  const delimiter = /^\s*\d+([.)])/.exec(item.raw)?.[1] ?? ".";
  const written = list.ordered ? `${number}${delimiter} ` : "";
  if (item.task) return `${written}${item.checked === true ? "☑" : "☐"} `;
  return written || "• ";
}
