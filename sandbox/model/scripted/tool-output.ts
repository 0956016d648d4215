/** Reading a tool's output without trusting it: what is missing or of another type is null, and text cannot become markup. */

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

/** The objects of a list; an empty list when there is none. */
export function readList(output: JsonObject, field: string): readonly JsonObject[] {
  const value = output[field];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A quantity as people write it: at most one decimal. */
export function writeQuantity(value: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
}

/** A name from the shop's data as plain text in Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>~|#]/g, "\\$&").replaceAll(/\s+/g, " ");
}
