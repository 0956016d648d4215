/**
 * How much of a growing Markdown text is settled, and how the rest is read without it.
 *
 * Every block before the last one is settled; in a list every item, in a table every row, in a code block every line. Blocks
 * longer than any model writes them (a paragraph of half a message) are read in pieces, so that no text makes a reply slow.
 * The quote or list item around such a paragraph may be lost after the first piece. Only the text of a piece decides where it
 * ends.
 */
import type { Token, Tokens } from "marked";
import { endsInFence } from "./fence.ts";
import { CONTINUATION, isToken, lexBlocks, lexMarkdown, MAX_HEADER_LENGTH } from "./lexer.ts";
import { closeInline } from "./unfinished-inline.ts";
import { toUnits, type Unit } from "./units.ts";

/** The longest paragraph, and the longest line outside of code, that is read at once, in UTF-16 units. */
const MAX_PIECE = 2_048;

/** The longest quote or list item that is read at once. */
const MAX_BLOCK = 8_192;

/** Code is cheap to read: only the lines of a longer block are settled one by one. */
const LONG_CODE = 1_024;

/** Distance between the ends of a piece that are tried, to find one where no bold or link is open. */
const TRY_DISTANCE = 64;

/** What the rest of a text needs to be read as a continuation, after a cut. */
export interface ResumePoint {
  /** Source to put before it: the first line of a code block, the head of a table. */
  prefix: string;
  /** How many units the prefix alone produces. */
  skippedUnits: number;
  /** The separator from the text before the cut. */
  gap: string;
  /** Whether it continues the block before the cut. */
  joins: boolean;
  /** The number of its first item, if it continues a list. */
  number: number | null;
}

export interface Cut {
  /** The settled units. */
  units: Unit[];
  /** Where they end. */
  end: number;
  resumePoint: ResumePoint;
}

export const START: ResumePoint = { prefix: "", skippedUnits: 0, gap: "", joins: false, number: null };

/** Cuts off what is settled of `text`, which starts with the prefix of `resumePoint`; null if nothing is. */
export function findCut(text: string, resumePoint: ResumePoint): Cut | null {
  const blocks = lexBlocks(text);
  const units = toUnits(blocks.tokens).slice(resumePoint.skippedUnits);
  // The last line is incomplete: "1" may become the next item of the list before it.
  const lastLine = text.lastIndexOf("\n") + 1;
  const open = units.findLastIndex((unit) => unit.start < lastLine);
  const isLong = (unit: Unit) => longPart(unit, text, resumePoint) !== null;
  const stop = units.findIndex((unit, index) => index === open || isLong(unit));
  const [next, first] = [units[stop], units[0]];
  if (stop > 0 && next !== undefined) {
    blocks.readInline();
    return cutBefore(next, { units, text, resumePoint });
  }
  return first === undefined ? null : (cutCode(first) ?? cutLong(first, text, resumePoint));
}

/** The number of an item in its list; `units` are all units after `resumePoint`. */
export function numberOf(unit: Unit, units: readonly Unit[], resumePoint: ResumePoint): number {
  if (unit.content.kind !== "item") return 0;
  const { list, index } = unit.content;
  const first = units[0]?.content;
  const isRest = resumePoint.number !== null && first?.kind === "item" && first.list === list;
  return (isRest ? Number(resumePoint.number) : Number(list.start)) + index;
}

/** The separator between a block that begins at `start` and the block before it. */
export function gapBefore(text: string, start: number): string {
  return lineBreaksBefore(text, start) > 1 ? "\n\n" : "\n";
}

function cutBefore(next: Unit, from: { units: Unit[]; text: string; resumePoint: ResumePoint }): Cut {
  const { units, text, resumePoint } = from;
  const { content, start } = next;
  const isRow = content.kind === "row" && content.index > 0;
  return {
    units: units.slice(0, units.indexOf(next)),
    end: start,
    resumePoint: {
      prefix: isRow ? headOf(content.table) : "",
      skippedUnits: isRow ? 1 : 0,
      gap: gapBefore(text, start),
      joins: false,
      number: content.kind === "item" ? numberOf(next, units, resumePoint) : null,
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
  // The last line is incomplete, and trailing spaces of a line would be lost at a cut.
  const count = lines.findLastIndex((line, index) => index < lines.length - 2 && /\S$/.test(line)) + 1;
  if (count === 0) return null;
  const [first = "", ...source] = token.raw.split("\n").slice(0, count + 1);
  const settled = { ...token, text: lines.slice(0, count).join("\n") };
  const end = start + [first, ...source].join("\n").length + 1;
  return {
    units: [{ content: { kind: "block", token: settled }, start, end }],
    end,
    resumePoint: { ...START, prefix: `${first}\n`, gap: "\n", joins: true },
  };
}

function isFence(token: Token): token is Tokens.Code {
  return isToken(token, "code") && token.codeBlockStyle !== "indented";
}

function cutLong(unit: Unit, text: string, resumePoint: ResumePoint): Cut | null {
  const long = longPart(unit, text, resumePoint);
  if (long === null) return null;
  if (long.isText) return cutInside(text, long.start + pieceEnd(long.part), { resumePoint, prefix: CONTINUATION });
  return cutInside(text, long.start + lineCut(long.part), { resumePoint, prefix: "" });
}

/** The part of a unit that must be read in pieces: running text, which may end anywhere, or lines; null if it is short enough. */
function longPart(
  unit: Unit,
  text: string,
  resumePoint: ResumePoint,
): { part: string; start: number; isText: boolean } | null {
  const { content, end } = unit;
  const start = Math.max(unit.start, resumePoint.prefix.length);
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

/** How far the next lines cannot change the meaning of a text: a short last line may become the header of a table. */
function certainEnd(text: string): number {
  let end = text.length;
  for (let lines = 0; lines < 2 && end > 0; lines++) {
    const lineStart = text.lastIndexOf("\n", Math.max(0, end - 1 - lines)) + 1;
    if (end - lineStart > MAX_HEADER_LENGTH) return end;
    end = lineStart;
  }
  return end;
}

/** Where the first piece of a long paragraph ends: after a line or a word, if possible where no markup is open. */
function pieceEnd(text: string): number {
  const half = MAX_PIECE / 2;
  const spaces = [...text.slice(half, MAX_PIECE).matchAll(/\s+(?=\S)/g)].reverse();
  const placesOf = (found: RegExpExecArray[]) => spread(found.map(({ index }) => half + index));
  const ends = [...placesOf(spaces.filter(([space]) => space.includes("\n"))), ...placesOf(spaces)];
  const best = ends.find((end) => closeInline(text.slice(0, end)) === text.slice(0, end)) ?? ends[0];
  return best === undefined ? MAX_PIECE : best + (/\s+/.exec(text.slice(best))?.[0].length ?? 0);
}

/** Selects falling numbers that are at least `TRY_DISTANCE` apart. */
function spread(falling: number[]): number[] {
  const selected: number[] = [];
  for (const place of falling) {
    if (place <= (selected.at(-1) ?? Number.POSITIVE_INFINITY) - TRY_DISTANCE) selected.push(place);
  }
  return selected;
}

function cutInside(
  text: string,
  end: number,
  { resumePoint, prefix }: { resumePoint: ResumePoint; prefix: string },
): Cut {
  const units = toUnits(lexMarkdown(text.slice(0, end))).slice(resumePoint.skippedUnits);
  const lineBreaks = lineBreaksBefore(text, end);
  const gap = lineBreaks > 0 ? gapBefore(text, end) : /\s/.test(text.charAt(end - 1)) ? " " : "";
  return { units, end, resumePoint: { ...START, prefix, gap, joins: true } };
}

function lineBreaksBefore(text: string, end: number): number {
  const before = text.slice(0, end);
  return before.slice(before.trimEnd().length).split("\n").length - 1;
}
