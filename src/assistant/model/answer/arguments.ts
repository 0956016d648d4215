/** The arguments of a tool call as servers write them: as JSON text, encoded twice, in a code fence, as an object, or not at all. */
import { storable } from "../../../db/storable.ts";
import { MAX_ARGUMENTS_CHARACTERS, MAX_ARGUMENTS_LEVELS } from "../../limits.ts";
import { isRecord } from "../json.ts";

/** How often text may have been encoded as JSON. */
const MAX_ENCODINGS = 3;

/**
 * The arguments as JSON text: of the object where one can be read, `{}` where there are none, else as they were written, and
 * cut where they are longer than any valid ones.
 */
export function readArguments(value: unknown): string {
  if (value === null || value === undefined) return "{}";
  const written = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  if (written.trim() === "" || written.trim() === "null") return "{}";
  if (written.length > MAX_ARGUMENTS_CHARACTERS) return cutTo(written, MAX_ARGUMENTS_CHARACTERS);
  const found = findObject(written, MAX_ENCODINGS);
  // Text that is a valid object stays as it is.
  return found === null || found.isAsWritten ? written : JSON.stringify(found.value);
}

/**
 * The arguments of a call for its tool: the JSON value. The text itself when it is not JSON, is null, is longer than
 * `MAX_ARGUMENTS_CHARACTERS`, or is nested deeper than `MAX_ARGUMENTS_LEVELS`.
 */
export function parseArguments(written: string): unknown {
  if (written.length > MAX_ARGUMENTS_CHARACTERS) return written;
  const value = parse(written);
  return value === undefined || value === null || isDeeperThan(value, MAX_ARGUMENTS_LEVELS)
    ? storable(written)
    : storable(value);
}

/** As they may be sent back: as they were written when they are an object that can be stored, else `{}`. */
export function sendableArguments(written: string): string {
  const value = parseArguments(written);
  if (!isRecord(value)) return "{}";
  const sendable = JSON.stringify(value);
  return sendable === JSON.stringify(JSON.parse(written)) ? written : sendable;
}

/** The fuller of two arguments that a server gave for one call: an object before anything else, then the longer one. */
export function fullerArguments(first: string | null, second: unknown): string | null {
  if (second === null || second === undefined) return first;
  const other = typeof second === "string" ? second : (JSON.stringify(second) ?? "");
  if (first === null) return other;
  const [before, after] = [rankOf(first), rankOf(other)];
  if (before !== after) return after > before ? other : first;
  return other.length >= first.length ? other : first;
}

/** Whether a call with such arguments could be complete. */
export function areComplete(written: string): boolean {
  return findObject(written, MAX_ENCODINGS) !== null;
}

/** 2: an object with a field; 1: an empty object; 0: anything else. */
function rankOf(written: string): number {
  const found = findObject(written, MAX_ENCODINGS);
  if (!found) return 0;
  return Object.keys(found.value).length > 0 ? 2 : 1;
}

interface FoundObject {
  value: Record<string, unknown>;
  /** The text is nothing but the object. */
  isAsWritten: boolean;
}

function findObject(written: string, encodings: number): FoundObject | null {
  const value = parse(written);
  if (isRecord(value)) return { value, isAsWritten: true };
  if (typeof value === "string" && value.trim() === "") return { value: {}, isAsWritten: false };
  const inner = typeof value === "string" && encodings > 0 ? value : withoutWrapping(written);
  if (inner === null || inner === written || encodings === 0) return null;
  const found = findObject(inner, encodings - 1);
  return found && { ...found, isAsWritten: false };
}

/** Without a code fence, control tokens, and an empty object that was sent before the real one. Null when there is none of these. */
function withoutWrapping(written: string): string | null {
  const bare = written
    .replaceAll(/<\|[^|<>]{0,40}\|>/g, "")
    .trim()
    .replace(/^```\w*\s*/, "")
    .replace(/\s*```$/, "")
    .replace(/^\{\s*\}(?=\s*\{)/, "")
    .trim();
  return bare === written ? null : bare;
}

function parse(text: string): unknown {
  if (text.length > MAX_ARGUMENTS_CHARACTERS) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** The extra character marks a cut text: it is no tool's name, and not JSON. */
export function cutTo(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters).toWellFormed()}…`;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(each, levels - 1));
}
