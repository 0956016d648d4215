/**
 * Completes the end of an unfinished paragraph: closes open markup (`**bold te`) and holds back what cannot be read yet (`**`,
 * `\`, `<https://`, the address of a link).
 *
 * It follows CommonMark's delimiter rules closely enough for what models write. If it is wrong, a marker is visible for a
 * moment. The complete text never passes through it.
 */
import { withoutHalfReference } from "./source.ts";

interface Opener {
  /** One character of the marker, or "[" or "![". */
  marker: string;
  count: number;
  at: number;
}

interface Scan {
  text: string;
  /** Where to continue reading. */
  position: number;
  openers: Opener[];
}

/** What can open, close or escape markup. Footnotes (`[^1]`) and alerts (`[!NOTE]`) are text. */
const NEXT_MARKER =
  /\\[\s\S]|(?<code>`+)|(?<run>\*+|_+|~~+)|(?<open>!?\[(?!\^|![A-Z]))|(?<close>\])|<[a-z][^\s<>]*>/giu;
const HALF_LINK_TARGET = /^\((?:[^()\n]|\([^()\n]*(?:\)|$))*$/;
const LINK_TARGET = /\((?:<[^<>\n]*>|(?:[^\s()\\]|\\.|\([^\s()]*\))*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;

/** More open markers than this are not markup. Closing them all would nest equally deep. */
const MAX_OPEN_MARKERS = 32;

/** The content of a block, changed to read as if its markup were complete. */
export function closeInline(content: string): string {
  const scan: Scan = { text: withoutHalfToken(content.trimEnd()), position: 0, openers: [] };
  while (scan.position < scan.text.length) {
    NEXT_MARKER.lastIndex = scan.position;
    const match = NEXT_MARKER.exec(scan.text);
    if (match === null) break;
    const { code, run, open, close } = match.groups ?? {};
    scan.position = match.index + match[0].length;
    if (code !== undefined) readCode(scan, code);
    else if (run !== undefined) readRun(scan, run);
    else if (open !== undefined) scan.openers.push({ marker: open, count: 1, at: match.index });
    else if (close !== undefined) readLabelEnd(scan);
  }
  return closeOpeners(scan);
}

function withoutHalfToken(text: string): string {
  const unescaped = text.replace(/(?<!\\)((?:\\\\)*)\\$/, "$1").replace(/(?<!~)~$/, "");
  return withoutHalfReference(unescaped.replace(/<(?:[a-z][^\s<>]{0,200})?$/i, "")).trimEnd();
}

function readCode(scan: Scan, fence: string): void {
  const content = scan.text.slice(scan.position);
  const end = new RegExp(`(?<!\`)${fence}(?!\`)`).exec(content);
  if (end !== null) {
    scan.position += end.index + fence.length;
    return;
  }
  const begun = content.replace(/`+$/, "");
  const before = scan.text.slice(0, scan.position - fence.length);
  scan.text = begun.trim() === "" ? before : before + fence + begun + fence;
  scan.position = scan.text.length;
}

function readRun(scan: Scan, run: string): void {
  const at = scan.position - run.length;
  const marker = run.charAt(0);
  const before = characterBefore(scan.text, at);
  const after = scan.text.slice(scan.position, scan.position + 2);
  const unused = isSpace(before) ? run.length : closeRuns(scan, marker, { length: run.length, isLast: after === "" });
  if (after === "" && unused > 0) {
    scan.text = scan.text.slice(0, at);
  } else if (unused > 0 && canOpen(marker, unused, { before, after })) {
    scan.openers.push({ marker, count: unused, at });
  }
}

/** Closes openers with the markers of a run. @returns how many of its markers closed nothing. */
function closeRuns(scan: Scan, marker: string, run: { length: number; isLast: boolean }): number {
  let { length } = run;
  while (length > 0) {
    const index = scan.openers.findLastIndex((opener) => opener.marker === marker);
    const opener = scan.openers[index];
    // At the end, "**bold*" has half of its closing marker: the opener stays open and is closed completely later.
    if (opener === undefined || (run.isLast && opener.count > length)) return length;
    const closed = Math.min(length, opener.count);
    scan.openers.length = closed === opener.count ? index : index + 1;
    opener.count -= closed;
    length -= closed;
  }
  return 0;
}

function canOpen(marker: string, count: number, around: { before: string; after: string }): boolean {
  const isApart = isSpace(around.before) || isPunctuation(around.before);
  const isBold = marker !== "_" && count > 1;
  if (isSpace(around.after) || (isPunctuation(around.after) && !isApart && !isBold)) return false;
  // CommonMark would open here, but nobody writes emphasis that starts with a full stop.
  if (/^[.,;:!?)\]}%]/.test(around.after)) return false;
  // CommonMark opens with "*" inside a word, but a single one there is mostly a multiplication: "5*3".
  return isApart || (isBold && !/\d/.test(around.before)) || (marker === "*" && !/[a-z\d)]/i.test(around.before));
}

function isSpace(character: string): boolean {
  return character === "" || /^\s/.test(character);
}

function isPunctuation(character: string): boolean {
  return /^[\p{P}\p{S}]/u.test(character);
}

function characterBefore(text: string, index: number): string {
  return /[\s\S]$/u.exec(text.slice(Math.max(0, index - 2), index))?.[0] ?? "";
}

function readLabelEnd(scan: Scan): void {
  const index = scan.openers.findLastIndex(isBracket);
  const opener = scan.openers[index];
  if (opener === undefined) return;
  LINK_TARGET.lastIndex = scan.position;
  const isLink = LINK_TARGET.test(scan.text);
  if (isLink) scan.position = LINK_TARGET.lastIndex;
  const rest = scan.text.slice(scan.position);
  const isHalf = !isLink && (rest === "" || HALF_LINK_TARGET.test(rest));
  scan.openers.length = isHalf ? scan.openers.length : index;
  if (!isHalf) return;
  // Only the label, until the address is complete.
  scan.text = scan.text.slice(0, scan.position - 1);
  scan.position = scan.text.length;
}

function closeOpeners(scan: Scan): string {
  if (scan.openers.reduce((sum, { count }) => sum + count, 0) > MAX_OPEN_MARKERS) return scan.text;
  dropEmptyOpeners(scan);
  const closers = scan.openers.filter((opener) => !isBracket(opener)).reverse();
  const opened = scan.openers.filter(isBracket).reverse();
  const text = opened.reduce(
    (whole, { at, marker }) => whole.slice(0, at) + whole.slice(at + marker.length),
    scan.text,
  );
  // A lone marker before the held-back text would merge with a closing marker.
  const trimmed = text.trimEnd().replace(/(?:\s[*_~]+)+$/, "");
  return trimmed + closers.map(({ marker, count }) => marker.repeat(count)).join("");
}

/** Holds back openers without content. */
function dropEmptyOpeners(scan: Scan): void {
  const last = scan.openers.at(-1);
  if (last === undefined || scan.text.trimEnd().length > last.at + last.marker.length * last.count) return;
  scan.text = scan.text.slice(0, last.at);
  scan.openers.pop();
  dropEmptyOpeners(scan);
}

function isBracket(opener: Opener): boolean {
  return opener.marker.endsWith("[");
}
