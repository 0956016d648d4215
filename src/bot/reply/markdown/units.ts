/**
 * Top-level Markdown as the units by which a reply grows: blocks, but each list item and table row separately, with their
 * positions in the source.
 */
import type { Token, Tokens } from "marked";
import { isToken } from "./lexer.ts";

export type UnitContent =
  | { kind: "block"; token: Token }
  | { kind: "item"; list: Tokens.List; index: number }
  /** Row 0 is the header. */
  | { kind: "row"; table: Tokens.Table; index: number };

export interface Unit {
  content: UnitContent;
  /** Where it starts in the source. */
  start: number;
  end: number;
}

/** The units in order; blank lines belong to none. */
export function toUnits(tokens: Token[]): Unit[] {
  const units: Unit[] = [];
  let start = 0;
  for (const token of tokens) {
    if (token.type !== "space") units.push(...splitToken(token, start));
    start += token.raw.length;
  }
  return units;
}

function splitToken(token: Token, start: number): Unit[] {
  if (isToken(token, "list")) {
    const contents = token.items.map((_, index) => ({ kind: "item" as const, list: token, index }));
    return placed(contents, { start, lengths: token.items.map((item) => item.raw.length) });
  }
  if (isToken(token, "table")) {
    const [header = 0, delimiter = 0, ...rows] = token.raw.split("\n").map((line) => line.length + 1);
    const contents = [token.header, ...token.rows].map((_, index) => ({ kind: "row" as const, table: token, index }));
    return placed(contents, { start, lengths: [header + delimiter, ...rows] });
  }
  return [{ content: { kind: "block", token }, start, end: start + token.raw.length }];
}

function placed(contents: UnitContent[], at: { start: number; lengths: number[] }): Unit[] {
  let { start } = at;
  return contents.map((content, index) => {
    const unit = { content, start, end: start + (at.lengths[index] ?? 0) };
    start = unit.end;
    return unit;
  });
}
