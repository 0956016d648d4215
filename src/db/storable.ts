/** Makes text and JSON from outside storable: PostgreSQL accepts neither U+0000 nor a lone surrogate. */

/** Nesting levels of lists and objects. Values from a model or from Telegram have a handful. */
const MAX_LEVELS = 64;

/** The text with U+FFFD (replacement character) for each U+0000 and each lone surrogate. Its length stays the same. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}

/**
 * The same for all strings and keys of a JSON value. Values nested deeper than 64 levels become null, so that neither this
 * process nor the server recurses without a limit.
 */
export function storable(value: unknown, levels = MAX_LEVELS): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((each) => storable(each, levels - 1));
  const entries = Object.entries(value).map(([key, each]) => [storableText(key), storable(each, levels - 1)]);
  return Object.fromEntries(entries);
}
