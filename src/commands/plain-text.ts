/** Makes text from outside safe for a terminal. */

/** All control characters except tabs and line breaks, and the characters that change the direction of writing. */
const CONTROL = /(?![\t\n])\p{Cc}|[\u2028\u2029]|\p{Bidi_Control}/gu;

/**
 * The text with U+FFFD, the replacement character, for every character that a terminal would interpret: escape sequences, and
 * characters that change how a line reads. Also for piped output, which may be shown later.
 */
export function plainText(text: string): string {
  // A carriage return is half a line break; the other half may be in the next piece.
  return text.replaceAll("\r", "").replace(CONTROL, "\uFFFD");
}
