/** Text and JSON from outside, made such as PostgreSQL stores them: it takes neither U+0000 nor half a character. */

/** Levels of lists and objects in each other. What comes from a model or from Telegram has a handful. */
const MAX_LEVELS = 64;

/** The text with U+FFFD, the replacement character, in place of each U+0000 and each lone surrogate: as long as before. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}

/**
 * The same for all strings and keys in a JSON value. What is nested deeper than 64 levels is left out, as null: neither we
 * nor the server go down without end.
 */
export function storable(value: unknown, levels = MAX_LEVELS): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((each) => storable(each, levels - 1));
  const entries = Object.entries(value).map(([key, each]) => [storableText(key), storable(each, levels - 1)]);
  return Object.fromEntries(entries);
}
