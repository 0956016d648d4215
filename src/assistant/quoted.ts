/** Text of people and files as quoted data: one JSON string, which no line break or quote in the text can end. Pure. */
export function quoted(text: string): string {
  // JSON does not escape the line breaks of Unicode.
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
