/** The text, or its beginning with an ellipsis: at most `maxCharacters` UTF-16 units. */
export function shorten(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  // Half a character is not valid text.
  return `${text.slice(0, maxCharacters - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
