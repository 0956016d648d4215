/** JSON from outside. */

/** Whether a JSON value is an object, not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object; without any field when it is none. */
export function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

/** The value as text; null when it is none. */
export function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** A place in a list; null when the value is none. */
export function indexOrNull(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null;
}
