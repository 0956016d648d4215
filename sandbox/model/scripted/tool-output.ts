/** Reads untrusted tool output: a missing field or a wrong type gives null, and text is escaped so that it is not markup. */

import { isObject, type JsonObject } from "../check-values.ts";
import type { Language } from "./language.ts";

export function readText(output: JsonObject, field: string): string | null {
  const value = output[field];
  return typeof value === "string" && value !== "" ? value : null;
}

export function readNumber(output: JsonObject, field: string): number | null {
  const value = output[field];
  return typeof value === "number" ? value : null;
}

export function readObject(output: JsonObject, field: string): JsonObject | null {
  const value = output[field];
  return isObject(value) ? value : null;
}

/** The objects in a list field; empty if the field is missing. */
export function readList(output: JsonObject, field: string): readonly JsonObject[] {
  const value = output[field];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Formats a quantity with at most one decimal. */
export function writeQuantity(value: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
}

/** Escapes a name from the shop's data for Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>~|#]/g, "\\$&").replaceAll(/\s+/g, " ");
}
