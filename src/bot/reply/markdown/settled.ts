/**
 * How far a Markdown text that still grows is settled, and how what follows is to be read without it.
 *
 * Each block before the last one is settled; of a list each item, of a table each row, of a code block each line. What is
 * longer than any model writes it (a paragraph of half a message) is read in pieces, so that no text can make a reply slow; what
 * such a paragraph stands in, a quote or an item, may be lost behind the first piece. Where a piece ends depends on it alone.
 */
import type { Token, Tokens } from "marked";
import { endsInFence } from "./fence.ts";
import { CONTINUATION, isToken, lexBlocks, lexMarkdown, MAX_HEADER_LENGTH } from "./lexer.ts";
import { closeInline } from "./unfinished-inline.ts";
import { toUnits, type Unit } from "./units.ts";

/** The longest paragraph, and the longest line of anything but code, that is read at once, in UTF-16 units. */
const MAX_PIECE = 2_048;

/** The longest quote or item of a list that is read at once. */
const MAX_BLOCK = 8_192;

/** A code block is cheap to read: lines of a shorter one are not settled one by one. */
const LONG_CODE = 1_024;

/** How far apart ends of a piece are tried, to find one at which no bold or link is open. */
const TRY_DISTANCE = 64;

/** What the text behind a cut needs to be read like the rest of what was cut. */
export interface Opening {
  /** Source to put before it: the first line of a code block, the head of a table. */
  prefix: string;
  /** How many units come of the prefix alone. */
  skippedUnits: number;
  /** What parts it from the text before the cut. */
  gap: string;
  /** Whether it is the rest of the block before it. */
  joins: boolean;
  /** The number of its first item, if it is the rest of a list. */
  number: number | null;
}

export interface Cut {
  /** What is settled. */
  units: Unit[];
  /** Where that ends. */
  end: number;
  opening: Opening;
}

export const START: Opening = { prefix: "", skippedUnits: 0, gap: "", joins: false, number: null };

/** A cut of `text`, which starts with the prefix of `opening` and may go on in any way; null if nothing of it is settled. */
export function findCut(text: string, opening: Opening): Cut | null {
  const blocks = lexBlocks(text);
  const units = toUnits(blocks.tokens).slice(opening.skippedUnits);
  // The last line is not complete: "1" may become the next item of the list before it.
  const lastLine = text.lastIndexOf("\n") + 1;
  const open = units.findLastIndex((unit) => unit.start < lastLine);
  const isLong = (unit: Unit) => longPart(unit, text, opening) !== null;
  const stop = units.findIndex((unit, index) => index === open || isLong(unit));
  const [next, first] = [units[stop], units[0]];
  if (stop > 0 && next !== undefined) {
    blocks.readInline();
    return cutBefore(next, { units, text, opening });
  }
  return first === undefined ? null : (cutCode(first) ?? cutLong(first, text, opening));
}

/** The number of an item in its list; `units` is what `opening` opens. */
export function numberOf(unit: Unit, units: readonly Unit[], opening: Opening): number {
  if (unit.content.kind !== "item") return 0;
  const { list, index } = unit.content;
  const first = units[0]?.content;
  const isRest = opening.number !== null && first?.kind === "item" && first.list === list;
  return (isRest ? Number(opening.number) : Number(list.start)) + index;
}

/** What parts a block that begins at `start` from the one before it. */
export function gapBefore(text: string, start: number): string {
  return lineBreaksBefore(text, start) > 1 ? "\n\n" : "\n";
}

function cutBefore(next: Unit, from: { units: Unit[]; text: string; opening: Opening }): Cut {
  const { units, text, opening } = from;
  const { content, start } = next;
  const isRow = content.kind === "row" && content.index > 0;
  return {
    units: units.slice(0, units.indexOf(next)),
    end: start,
    opening: {
      prefix: isRow ? headOf(content.table) : "",
      skippedUnits: isRow ? 1 : 0,
      gap: gapBefore(text, start),
      joins: false,
      number: content.kind === "item" ? numberOf(next, units, opening) : null,
    },
  };
}

function headOf(table: Tokens.Table): string {
  return `${table.raw.split("\n", 2).join("\n")}\n`;
}

function cutCode({ content, start }: Unit): Cut | null {
  if (content.kind !== "block" || !isFence(content.token) || content.token.raw.length < LONG_CODE) return null;
  const token = content.token;
  const lines = token.text.split("\n");
  // The last line is not complete, and a line's spaces at its end would be lost with it.
  const count = lines.findLastIndex((line, index) => index < lines.length - 2 && /\S$/.test(line)) + 1;
  if (count === 0) return null;
  const [first = "", ...source] = token.raw.split("\n").slice(0, count + 1);
  const settled = { ...token, text: lines.slice(0, count).join("\n") };
  const end = start + [first, ...source].join("\n").length + 1;
  return {
    units: [{ content: { kind: "block", token: settled }, start, end }],
    end,
    opening: { ...START, prefix: `${first}\n`, gap: "\n", joins: true },
  };
}

function isFence(token: Token): token is Tokens.Code {
  return isToken(token, "code") && token.codeBlockStyle !== "indented";
}

function cutLong(unit: Unit, text: string, opening: Opening): Cut | null {
  const long = longPart(unit, text, opening);
  if (long === null) return null;
  if (long.isText) return cutInside(text, long.start + pieceEnd(long.part), { opening, prefix: CONTINUATION });
  return cutInside(text, long.start + lineCut(long.part), { opening, prefix: "" });
}

/** What of a unit has to be read in pieces: running text, which may end anywhere, or lines; null if it is short enough. */
function longPart(unit: Unit, text: string, opening: Opening): { part: string; start: number; isText: boolean } | null {
  const { content, end } = unit;
  const start = Math.max(unit.start, opening.prefix.length);
  if (end - start <= MAX_PIECE || (content.kind === "block" && isFence(content.token))) return null;
  const part = text.slice(start, Math.min(end, certainEnd(text))).trimEnd();
  const isParagraph = content.kind === "block" && content.token.type === "paragraph";
  const [line = ""] = part.split("\n", 1);
  const running = isParagraph ? part : line;
  if (running.length > MAX_PIECE) return { part: running, start, isText: true };
  return part.length > MAX_BLOCK && !endsInFence(part.slice(0, lineCut(part))) ? { part, start, isText: false } : null;
}

function lineCut(part: string): number {
  return part.lastIndexOf("\n", MAX_BLOCK - 1) + 1;
}

/** Up to where no line that follows can change what a text is: one that is short may turn out to be the head of a table. */
function certainEnd(text: string): number {
  let end = text.length;
  for (let lines = 0; lines < 2 && end > 0; lines++) {
    const lineStart = text.lastIndexOf("\n", Math.max(0, end - 1 - lines)) + 1;
    if (end - lineStart > MAX_HEADER_LENGTH) return end;
    end = lineStart;
  }
  return end;
}

/** Where in a long paragraph its first piece ends: after a line or a word, if it can be where no markup is open. */
function pieceEnd(text: string): number {
  const half = MAX_PIECE / 2;
  const blanks = [...text.slice(half, MAX_PIECE).matchAll(/\s+(?=\S)/g)].reverse();
  const placesOf = (found: RegExpExecArray[]) => spread(found.map(({ index }) => half + index));
  const ends = [...placesOf(blanks.filter(([blank]) => blank.includes("\n"))), ...placesOf(blanks)];
  const best = ends.find((end) => closeInline(text.slice(0, end)) === text.slice(0, end)) ?? ends[0];
  return best === undefined ? MAX_PIECE : best + (/\s+/.exec(text.slice(best))?.[0].length ?? 0);
}

/** The first of some falling numbers, and of the others those that are far enough from the one before. */
function spread(falling: number[]): number[] {
  const kept: number[] = [];
  for (const place of falling) {
    if (place <= (kept.at(-1) ?? Number.POSITIVE_INFINITY) - TRY_DISTANCE) kept.push(place);
  }
  return kept;
}

function cutInside(text: string, end: number, { opening, prefix }: { opening: Opening; prefix: string }): Cut {
  const units = toUnits(lexMarkdown(text.slice(0, end))).slice(opening.skippedUnits);
  const lineBreaks = lineBreaksBefore(text, end);
  const gap = lineBreaks > 0 ? gapBefore(text, end) : /\s/.test(text.charAt(end - 1)) ? " " : "";
  return { units, end, opening: { ...START, prefix, gap, joins: true } };
}

function lineBreaksBefore(text: string, end: number): number {
  const before = text.slice(0, end);
  return before.slice(before.trimEnd().length).split("\n").length - 1;
}
