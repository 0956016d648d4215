/**
 * Cleans the model's characters: removes those that Telegram drops or refuses before Markdown is read, and decodes character
 * references (`&amp;`) afterwards.
 */

/**
 * Control characters and bidirectional marks (U+202A to U+202E). Telegram removes both from a text, which would shift every
 * entity after them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters on purpose
const DROPPED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/g;
const LINE_BREAK = /\r\n?|[\u2028\u2029]/g;

/** The character references that models write; others stay as they are. */
const REFERENCES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["apos", "'"],
  ["bull", "•"],
  ["copy", "©"],
  ["deg", "°"],
  ["euro", "€"],
  ["gt", ">"],
  ["hellip", "…"],
  ["larr", "←"],
  ["lt", "<"],
  ["mdash", "—"],
  ["middot", "·"],
  ["nbsp", "\u00a0"],
  ["ndash", "–"],
  ["quot", '"'],
  ["rarr", "→"],
  ["times", "×"],
]);

/** A reference without its semicolon; the longest one is `&#x10FFFF`. */
const HALF_REFERENCE = /&(#?[a-z\d]{0,8})$/i;

/** Line breaks as `\n`, no control characters but `\n` and `\t`, lone surrogates as U+FFFD. */
export function cleanSource(markdown: string): string {
  return markdown.toWellFormed().replace(LINE_BREAK, "\n").replace(DROPPED, "");
}

/** Splits off a last unit that can only be cleaned with the next one: half a surrogate pair, or half of "\r\n". */
export function splitHalfCharacter(markdown: string): { whole: string; half: string } {
  const half = /[\ud800-\udbff\r]$/.exec(markdown)?.[0] ?? "";
  return { whole: markdown.slice(0, markdown.length - half.length), half };
}

/** `&lt;` and `&#60;` as `<`. */
export function decodeReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]+));/gi, (written, decimal, hexadecimal, name) => {
    if (name !== undefined) return REFERENCES.get(name) ?? written;
    return fromCodePoint(decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal));
  });
}

/** `text` without an incomplete character reference at its end. */
export function withoutHalfReference(text: string): string {
  const half = HALF_REFERENCE.exec(text);
  if (half === null) return text;
  const begun = half[1] ?? "";
  const isAwaited = begun.startsWith("#") || REFERENCES.keys().some((name) => name.startsWith(begun));
  return isAwaited ? text.slice(0, half.index) : text;
}

/** The number of line breaks in the whitespace at the end of `text`; two or more are a blank line. */
export function countLineBreaksAtEnd(text: string): number {
  return text.slice(text.trimEnd().length).split("\n").length - 1;
}

function fromCodePoint(codePoint: number): string {
  const isCharacter = codePoint > 0 && codePoint <= 0x10ffff;
  return isCharacter ? cleanSource(String.fromCodePoint(codePoint)) : "\ufffd";
}
