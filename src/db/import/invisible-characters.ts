/**
 * Characters that are invisible or look like a space. Two texts that differ only in them look the same.
 *
 * Letters of different scripts that look alike (Cyrillic and Latin) and full-width forms are not covered.
 */

/**
 * Control, format, private-use and unassigned characters; the default-ignorable ones; line and paragraph separators, and
 * all spaces except U+0020; four characters that many fonts draw blank; and the replacement character.
 */
const INVISIBLE =
  /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800\u{16FE4}\u{1D159}\uFFFC\uFFFD]|(?! )\p{Zs}/u;
const ALL_INVISIBLE = new RegExp(INVISIBLE, "gu");

/** Explicit directional formatting (Unicode UAX #9): it moves the text after it, in a chat and in a log. */
const DIRECTIONAL_FORMATTING = /[\u202A-\u202E\u2066-\u2069]/u;

/** The first pattern that matches a character gives its name. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/\t/, "tab"],
  [/[\n\r\p{Zl}\p{Zp}]/u, "line break"],
  [/\u00A0/, "no-break space"],
  [/\u00AD/, "soft hyphen"],
  [/\u200B/, "zero width space"],
  [/\u200C/, "zero width non-joiner"],
  [/\u200D/, "zero width joiner"],
  [/\u2060/, "word joiner"],
  [/\uFEFF/, "byte order mark"],
  [/\uFFFD/, "replacement character"],
  [/\p{Bidi_Control}/u, "text direction"],
  [/\p{Variation_Selector}/u, "variation selector"],
  [/[\u115F\u1160\u3164\uFFA0\u{16FE4}]/u, "filler"],
  [/\p{Cc}/u, "control character"],
  [/\p{Zs}/u, "special space"],
  [/\p{Co}/u, "private use"],
  [/[\u2800\u{1D159}\uFFFC]/u, "blank"],
  [/[\p{Cf}\p{Default_Ignorable_Code_Point}]/u, "invisible"],
];

/** The first invisible character: "U+200B (zero width space) at position 3". */
export function findInvisible(text: string): string | undefined {
  return describeFirst(text, INVISIBLE);
}

/** The first character that changes the direction of the text around it, in the same form. */
export function findDirectionalFormatting(text: string): string | undefined {
  return describeFirst(text, DIRECTIONAL_FORMATTING);
}

/** Whether the text has no visible character. */
export function isBlank(text: string): boolean {
  return text.replace(ALL_INVISIBLE, "").trim() === "";
}

/** The text with invisible characters escaped as in JavaScript source code. */
export function escapeInvisible(text: string): string {
  return text.replace(ALL_INVISIBLE, (character) => {
    const hex = hexOf(character);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex}`;
  });
}

function describeFirst(text: string, pattern: RegExp): string | undefined {
  const found = pattern.exec(text);
  if (!found) return undefined;
  const [character] = found;
  const kind = KINDS.find(([pattern]) => pattern.test(character))?.[1] ?? "unassigned";
  return `U+${hexOf(character)} (${kind}) at position ${[...text.slice(0, found.index)].length + 1}`;
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
