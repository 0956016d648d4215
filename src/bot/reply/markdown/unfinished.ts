/**
 * Unfinished Markdown as tokens: what the last line has only begun is completed or held back.
 *
 * The rule: show now what the complete markup will show. So a lone "-" is held back (a bullet or a horizontal rule?), and the
 * first row of a table is already a table. Only the last block is changed.
 */
import type { Token, Tokens } from "marked";
import { isToken, lexBlocks, lexInline, mayBeHeader } from "./lexer.ts";
import { countLineBreaksAtEnd } from "./source.ts";
import { closeInline } from "./unfinished-inline.ts";

/** The markers of quotes and list items at the start of a line. */
const CONTAINERS = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t])))*[ \t]*/;

/** The rest of a line that could become a heading, a horizontal rule, a fence, a table or a checkbox. */
const LONE_MARKER = /^(?:#{1,6}|[-=*_+~`|:> \t]+|\[[ xX]?\]?)?$/;

/** The number of a list item without text. After a blank line, a number may be the whole answer. */
const LONE_NUMBER = /^\d{1,3}[.)]?$/;

/** The tokens of an unfinished text. */
export function lexUnfinished(markdown: string): Token[] {
  const blocks = lexBlocks(markdown);
  const isInCode = isInFence(blocks.tokens);
  const source = closeTable(withoutLoneMarker(markdown, isInCode), isInCode);
  const settled = source === markdown ? blocks : lexBlocks(source);
  // After a blank line, the last block is complete.
  if (countLineBreaksAtEnd(source) > 1) return settled.readInline();
  const last = lastBlock(settled.tokens);
  const content = last !== undefined && "text" in last && "tokens" in last ? last.tokens : undefined;
  settled.readInline(content);
  if (last !== undefined) closeBlock(last);
  return settled.tokens;
}

function isInFence(tokens: Token[]): boolean {
  const last = lastBlock(tokens);
  return last !== undefined && isToken(last, "code") && last.codeBlockStyle !== "indented";
}

/** The last block that holds text, inside lists and quotes. */
function lastBlock(tokens: Token[]): Token | undefined {
  const last = tokens.at(-1);
  if (last === undefined) return undefined;
  if (isToken(last, "list")) return lastBlock(last.items.at(-1)?.tokens ?? []);
  return isToken(last, "blockquote") ? lastBlock(last.tokens) : last;
}

function withoutLoneMarker(markdown: string, isInCode: boolean): string {
  const start = markdown.lastIndexOf("\n") + 1;
  const line = markdown.slice(start);
  if (isInCode) return /^[\s>]*(?:`+|~+)$/.test(line) ? markdown.slice(0, start) : markdown;
  const content = line.replace(CONTAINERS, "").trimEnd();
  const followsText = /\S[ \t]*\n$/.test(markdown.slice(0, start));
  const isLone = LONE_MARKER.test(content) || (followsText && LONE_NUMBER.test(content));
  return isLone && line !== "" ? markdown.slice(0, start) : markdown;
}

/** Adds the delimiter row to the first row of a table: without it, GFM recognizes no table. */
function closeTable(markdown: string, isInCode: boolean): string {
  const lines = markdown.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (isHalfDelimiter(lines.at(-1)) && isRow(lines.at(-2))) lines.pop();
  const header = lines.at(-1);
  if (isInCode || header === undefined || !isRow(header) || /^ {0,3}\|/.test(lines.at(-2) ?? "")) return markdown;
  const cells = header
    .replace(/\\\|/g, "")
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|").length;
  return [...lines, "|---".repeat(cells)].join("\n");
}

function isRow(line: string | undefined): boolean {
  return line !== undefined && mayBeHeader(line) && /^ {0,3}\|.*[^|\s:-]/.test(line);
}

function isHalfDelimiter(line: string | undefined): boolean {
  return line !== undefined && /^ {0,3}\|[ \t|:-]*$/.test(line);
}

function closeBlock(last: Token): void {
  if (isToken(last, "table")) closeLastCell(last);
  else if (last.type === "paragraph" || last.type === "text" || last.type === "heading") closeText(last);
}

function closeText(block: Token): void {
  if (!("tokens" in block) || !("text" in block) || typeof block.text !== "string") return;
  const checkbox = block.tokens?.find((token) => isToken(token, "checkbox"));
  const text = block.text.slice(checkbox?.raw.length ?? 0);
  block.tokens = lexInline(closeInline(text));
}

function closeLastCell(table: Tokens.Table): void {
  const cell = (table.rows.at(-1) ?? table.header).findLast((candidate) => candidate.text !== "");
  if (cell !== undefined) cell.tokens = lexInline(closeInline(cell.text));
}
