/**
 * What is done to a model's characters before and after Markdown is read: those that Telegram drops or refuses, and
 * character references (`&amp;`).
 */

/**
 * Control characters, and the marks that turn the direction of text round (U+202A to U+202E): Telegram takes both out of a
 * text by itself, which would move every entity behind them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const DROPPED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/g;
const LINE_BREAK = /\r\n?|[\u2028\u2029]/g;

/** The character references that models write; any other stays as it is. */
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

/** The longest reference that is awaited when its semicolon has not come: `&#x10FFFF`. */
const HALF_REFERENCE = /&(#?[a-z\d]{0,8})$/i;

/** Line breaks as `\n`, no control characters but `\n` and `\t`, lone surrogates as U+FFFD. */
export function cleanSource(markdown: string): string {
  return markdown.toWellFormed().replace(LINE_BREAK, "\n").replace(DROPPED, "");
}

/** Splits off a last unit that cannot be cleaned before the next one is known: half a surrogate pair, half a line break. */
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

/** `text` without a character reference that is only half there at its end. */
export function withoutHalfReference(text: string): string {
  const half = HALF_REFERENCE.exec(text);
  if (half === null) return text;
  const begun = half[1] ?? "";
  const isAwaited = begun.startsWith("#") || REFERENCES.keys().some((name) => name.startsWith(begun));
  return isAwaited ? text.slice(0, half.index) : text;
}

/** How many line breaks are in the whitespace at the end of `text`; from two on there is a blank line. */
export function countLineBreaksAtEnd(text: string): number {
  return text.slice(text.trimEnd().length).split("\n").length - 1;
}

function fromCodePoint(codePoint: number): string {
  const isCharacter = codePoint > 0 && codePoint <= 0x10ffff;
  return isCharacter ? cleanSource(String.fromCodePoint(codePoint)) : "\ufffd";
}
