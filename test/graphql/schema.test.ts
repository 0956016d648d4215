import { readFile } from "node:fs/promises";
import {
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from "graphql";
import { expect, test } from "vitest";
import { createSchema, printSortedSchema } from "../../src/graphql/schema.ts";
import { parseDate, parseDateTime } from "../../src/graphql/types/scalars.ts";

const schema = createSchema();
const types = Object.values(schema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
);

test("schema.graphql is up to date (written by node scripts/print-schema.ts)", async () => {
  const committed = await readFile(new URL("../../schema.graphql", import.meta.url), "utf8");

  expect(committed).toBe(printSortedSchema());
});

test("every type, field, argument and enum value has a description", () => {
  const silent = types.flatMap(describedParts).filter(([, description]) => !description);

  expect(silent.map(([name]) => name)).toEqual([]);
});

test("every list has first/after, last/before, a filter and an order", () => {
  const lists = types.filter(isObjectType).flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
      .map((field) => [`${type.name}.${field.name}`, field.args.map((arg) => arg.name).toSorted()]),
  );

  expect(lists).toHaveLength(12);
  for (const [name, args] of lists) {
    expect([name, args]).toEqual([name, ["after", "before", "filter", "first", "last", "orderBy"]]);
  }
});

test.each([
  ["2026-11-15T08:30:00Z", "2026-11-15T08:30:00.000000Z"],
  ["2026-11-15T08:30:00.123456+07:00", "2026-11-15T01:30:00.123456Z"],
  ["2026-11-15T08:30:00.1234569z", "2026-11-15T08:30:00.123456Z"],
])("a DateTime has microsecond precision: %s", (text, expected) => {
  expect(parseDateTime(text)).toBe(expected);
});

test.each([
  "2026-11-15",
  "2026-11-15T08:30:00",
  "2026-02-30T08:30:00Z",
  "2026-11-15T25:00:00Z",
  "0000-06-01T00:00:00Z",
  "0001-01-01T00:00:00+07:00",
  "9999-12-31T23:59:59-07:00",
  "2026-11-15T08:30:00Z[Asia/Ho_Chi_Minh]",
  1_763_000_000,
  null,
])("an invalid DateTime is refused: %s", (value) => {
  expect(() => parseDateTime(value)).toThrow("RFC 3339");
});

test("a Date is a calendar day", () => {
  expect(parseDate("2026-11-15")).toBe("2026-11-15");
  for (const wrong of ["2026-02-30", "2026-11-15T00:00:00Z", "15/11/2026", 20261115]) {
    expect(() => parseDate(wrong)).toThrow("2026-11-15");
  }
});

function describedParts(type: GraphQLNamedType): [name: string, description: string | null | undefined][] {
  const parts: [string, string | null | undefined][] = [[type.name, type.description]];
  if (isEnumType(type)) {
    for (const value of type.getValues()) parts.push([`${type.name}.${value.name}`, value.description]);
  }
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      parts.push([`${type.name}.${field.name}`, field.description]);
      const args = "args" in field ? field.args : [];
      for (const arg of args) parts.push([`${type.name}.${field.name}(${arg.name})`, arg.description]);
    }
  }
  return parts;
}
