/** Text from outside, fit for a terminal. */

/** All control characters but tabs and line breaks, and what turns the direction of writing. */
const ACTING = /(?![\t\n])\p{Cc}|[\u2028\u2029]|\p{Bidi_Control}/gu;

/**
 * The text with U+FFFD, the replacement character, in place of what a terminal would obey instead of showing: escape
 * sequences, and characters that make a line read otherwise than it is. The same where it is piped: it may be shown later.
 */
export function plainText(text: string): string {
  // A carriage return is half a line break, and its other half may be in the next piece.
  return text.replaceAll("\r", "").replace(ACTING, "\uFFFD");
}
