/**
 * Characters that cannot be seen, or not told from a space: with one of them a text is another one and looks the same.
 *
 * Not looked for: letters that only look alike (Cyrillic and Latin), and wide forms of letters and digits.
 */

/**
 * Controls, format characters, private use, what is no character; what Unicode says to show as nothing; line and paragraph
 * separators and all spaces but the common one; four that many fonts draw as nothing; and what stands for lost bytes.
 */
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800\u{16FE4}\u{1D159}\uFFFC\uFFFD]|(?! )\p{Zs}/u;
const ALL_UNSEEN = new RegExp(UNSEEN, "gu");

/** What opens or closes a stretch of text in another direction: it moves what stands after it, in a chat and in a log. */
const TURNING = /[\u202A-\u202E\u2066-\u2069]/u;

/** The first that fits says what a character is. */
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
  [/\uFFFD/, "a character that was lost"],
  [/\p{Bidi_Control}/u, "text direction"],
  [/\p{Variation_Selector}/u, "variation selector"],
  [/[\u115F\u1160\u3164\uFFA0\u{16FE4}]/u, "filler"],
  [/\p{Cc}/u, "control character"],
  [/\p{Zs}/u, "special space"],
  [/\p{Co}/u, "private use"],
  [/[\u2800\u{1D159}\uFFFC]/u, "blank"],
  [/[\p{Cf}\p{Default_Ignorable_Code_Point}]/u, "invisible"],
];

/** The first character that cannot be seen: "U+200B (zero width space) as its character 3". */
export function findInvisible(text: string): string | undefined {
  return describeFirst(text, UNSEEN);
}

/** The first character that turns the text around it, in the same words. */
export function findTurning(text: string): string | undefined {
  return describeFirst(text, TURNING);
}

/** Whether there is nothing in it to be seen. */
export function isBlank(text: string): boolean {
  return text.replace(ALL_UNSEEN, "").trim() === "";
}

/** The text with escapes for what cannot be seen, as in source code. */
export function escapeInvisible(text: string): string {
  return text.replace(ALL_UNSEEN, (character) => {
    const hex = hexOf(character);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex}`;
  });
}

function describeFirst(text: string, pattern: RegExp): string | undefined {
  const found = pattern.exec(text);
  if (!found) return undefined;
  const [character] = found;
  const kind = KINDS.find(([fits]) => fits.test(character))?.[1] ?? "not a character";
  return `U+${hexOf(character)} (${kind}) as its character ${[...text.slice(0, found.index)].length + 1}`;
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
