/** Text of people and files as quoted data, which no line break or quote in it can end. Pure. */
import { shorten } from "../shop/shorten.ts";

/** The text as one JSON string; a longer one shortened, with an ellipsis, to `maxCharacters` UTF-16 units. */
export function quoted(text: string, maxCharacters = Number.POSITIVE_INFINITY): string {
  // JSON does not escape the line breaks of Unicode.
  return JSON.stringify(shorten(text, maxCharacters)).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
