/**
 * The subset of JSON Schema that OpenAI's strict mode accepts. Sources: OpenAI's guide "Structured Outputs", and errors in
 * public issues.
 *
 * Where the sources disagree (`minLength`, `default`) it refuses, so that OpenAI accepts everything that passes here.
 */

import { isObject, type JsonObject } from "./check-values.ts";

/** The first violation in a function's parameters, in OpenAI's wording; null when strict mode accepts them. */
export function findStrictFault(schema: unknown): string | null {
  if (!isObject(schema) || schema.type !== "object") {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: ${JSON.stringify(isObject(schema) ? (schema.type ?? null) : schema)}'.`;
  }
  if ("anyOf" in schema) return inContext([], "'anyOf' is not permitted at the top level.");
  return findFault(schema, []);
}

type Path = readonly string[];

function inContext(path: Path, fault: string): string {
  const trailing = path.length === 1 ? "," : "";
  return `In context=(${path.map((step) => `'${step}'`).join(", ")}${trailing}), ${fault}`;
}

function findFault(schema: unknown, path: Path): string | null {
  if (!isObject(schema)) return inContext(path, "schema must be an object.");
  return (
    findUnknownKeyword(schema, path) ??
    findValueFault(schema, path) ??
    findObjectFault(schema, path) ??
    findNestedFault(schema, path)
  );
}

const KEYWORDS: readonly string[] = [
  ...["$schema", "$ref", "$defs", "definitions", "title", "description", "type", "enum", "const", "anyOf"],
  ...["properties", "required", "additionalProperties", "items", "minItems", "maxItems"],
  ...["pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
];

function findUnknownKeyword(schema: JsonObject, path: Path): string | null {
  const unknown = Object.keys(schema).find((keyword) => !KEYWORDS.includes(keyword));
  return unknown === undefined ? null : inContext(path, `'${unknown}' is not permitted.`);
}

const FORMATS: readonly string[] = [
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid",
];
const LOOKAROUND = /\(\?(?:=|!|<=|<!)/;

function findValueFault(schema: JsonObject, path: Path): string | null {
  const { type, format, pattern } = schema;
  if (type === undefined && !("anyOf" in schema) && !("$ref" in schema)) {
    return inContext(path, "schema must have a 'type' key.");
  }
  if (type === "array" && !("items" in schema)) return inContext(path, "array schema missing items.");
  if (typeof format === "string" && !FORMATS.includes(format))
    return inContext(path, `'${format}' is not a valid format.`);
  if (typeof pattern === "string" && LOOKAROUND.test(pattern)) {
    return inContext(path, "'pattern' is invalid: look-around is not supported.");
  }
  return null;
}

function findObjectFault(schema: JsonObject, path: Path): string | null {
  const allowsObjects = schema.type === "object" || (Array.isArray(schema.type) && schema.type.includes("object"));
  if (!allowsObjects) return null;
  if (schema.additionalProperties !== false) {
    return inContext(path, "'additionalProperties' is required to be supplied and to be false.");
  }
  const properties = isObject(schema.properties) ? Object.keys(schema.properties) : [];
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const missing = properties.find((name) => !required.includes(name));
  const rule = "'required' is required to be supplied and to be an array including every key in properties.";
  if (missing !== undefined) return inContext(path, `${rule} Missing '${missing}'.`);
  const extra = required.find((name) => !properties.includes(String(name)));
  return extra === undefined ? null : inContext(path, `${rule} Extra required key '${String(extra)}' supplied.`);
}

function findNestedFault(schema: JsonObject, path: Path): string | null {
  for (const group of ["properties", "$defs", "definitions"]) {
    for (const [name, each] of Object.entries(isObject(schema[group]) ? schema[group] : {})) {
      const fault = findFault(each, [...path, group, name]);
      if (fault !== null) return fault;
    }
  }
  for (const [index, each] of (Array.isArray(schema.anyOf) ? schema.anyOf : []).entries()) {
    const fault = findFault(each, [...path, "anyOf", String(index)]);
    if (fault !== null) return fault;
  }
  return "items" in schema ? findFault(schema.items, [...path, "items"]) : null;
}
