/** What the model's items say, and how they are stored: they come from outside, and may hold anything. */

/** Arguments that are no JSON are kept as the text that they are: the tool's schema then says what is wrong with it. */
export function parseArguments(text: string): unknown {
  try {
    return storable(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return storable(text);
  }
}

/** PostgreSQL stores neither NUL nor half a character. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}

/** The same for all strings in a value, for jsonb. */
export function storable(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [storable(key), storable(each)]));
}

/** The text of a message, refusals too; none of any other item. */
export function textsOf(item: object): string[] {
  if (!("type" in item) || item.type !== "message" || !("content" in item) || !Array.isArray(item.content)) return [];
  const text = item.content
    .map((part: { text?: string; refusal?: string }) => part.text ?? part.refusal ?? "")
    .join("");
  return text === "" ? [] : [text];
}
