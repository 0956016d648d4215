/** Generic checks of JSON values that throw OpenAI's errors. They check types, lengths and ranges. */

import { invalidRequest, unknownParameter, unsupportedValue, wrongType } from "./api-refusal.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Checks one value; `param` is its path in the request. */
export type ValueCheck = (value: unknown, param: string) => void;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function assertString(value: unknown, param: string): asserts value is string {
  if (typeof value !== "string") throw wrongType(param, "a string", value);
}

export function assertObject(value: unknown, param: string): asserts value is JsonObject {
  if (!isObject(value)) throw wrongType(param, "an object", value);
}

export function assertArray(value: unknown, param: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw wrongType(param, "an array", value);
}

export function assertBoolean(value: unknown, param: string): void {
  if (typeof value !== "boolean") throw wrongType(param, "a boolean", value);
}

/** Throws for a key that is not in `known`. */
export function assertKnownKeys(value: JsonObject, param: string, known: readonly string[]): void {
  const stray = Object.keys(value).find((key) => !known.includes(key));
  if (stray !== undefined) throw unknownParameter(`${param}.${stray}`);
}

/** Makes a check accept null: most parameters are nullable. */
export function orNull(check: ValueCheck): ValueCheck {
  return (value, param) => {
    if (value !== null) check(value, param);
  };
}

export function oneOf(supported: readonly string[]): ValueCheck {
  return (value, param) => {
    if (typeof value !== "string" || !supported.includes(value)) throw unsupportedValue(param, value, supported);
  };
}

/** A string of at most `limit` UTF-16 code units. */
export function stringUpTo(limit: number): ValueCheck {
  return (value, param) => {
    assertString(value, param);
    if (value.length <= limit) return;
    const fault = `Expected a string with maximum length ${limit}, but instead got a string with length ${value.length} instead.`;
    throw invalidRequest(`Invalid '${param}': string too long. ${fault}`, param, "string_above_max_length");
  };
}

export function numberBetween(minimum: number, maximum: number): ValueCheck {
  return (value, param) => {
    if (typeof value !== "number") throw wrongType(param, "a number", value);
    assertRange(value, param, { minimum, maximum, kind: "decimal" });
  };
}

export function integerBetween(minimum: number, maximum: number): ValueCheck {
  return (value, param) => {
    if (typeof value !== "number" || !Number.isInteger(value)) throw wrongType(param, "an integer", value);
    assertRange(value, param, { minimum, maximum, kind: "integer" });
  };
}

interface NumberRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly kind: "integer" | "decimal";
}

function assertRange(value: number, param: string, { minimum, maximum, kind }: NumberRange): void {
  const side = value < minimum ? "below minimum" : value > maximum ? "above maximum" : null;
  if (side === null) return;
  const bound = value < minimum ? `>= ${minimum}` : `<= ${maximum}`;
  throw invalidRequest(
    `Invalid '${param}': ${kind} ${side} value. Expected a value ${bound}, but got ${value} instead.`,
    param,
    `${kind}_${value < minimum ? "below_min" : "above_max"}_value`,
  );
}
