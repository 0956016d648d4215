import { readFile } from "node:fs/promises";
import {
  BreakingChangeType,
  buildSchema,
  DangerousChangeType,
  findSchemaChanges,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from "graphql";
import { expect, test } from "vitest";

/** Changes that make a valid query invalid, or change its result. */
const BREAKING = new Set<string>([
  ...Object.values(BreakingChangeType),
  DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
  DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
]);

/** What to do when the test fails. */
const ADVICE = `Programs out there ask by test/graphql/released-schema.graphql, and these changes break them.
Keep the old one next to the new one, and deprecate it with a reason that says since when (an ISO date) and what to use instead.
When a release is made that may break them, say so in CHANGELOG.md and copy schema.graphql over released-schema.graphql.`;

const read = async (path: string) => buildSchema(await readFile(new URL(path, import.meta.url), "utf8"));

test("no released part of the schema is removed or changed incompatibly", async () => {
  const released = await read("released-schema.graphql");
  const current = await read("../../schema.graphql");

  expect(breakingChanges(released, current), ADVICE).toEqual([]);
});

test.each([
  ["a removed field", "type Query { a: Int b: Int }", "type Query { a: Int }"],
  ["a field that becomes nullable", "type Query { a: Int! }", "type Query { a: Int }"],
  ["an argument that becomes required", "type Query { a: Int }", "type Query { a(b: Int!): Int }"],
  ["a changed default", "type Query { a(b: Int = 1): Int }", "type Query { a(b: Int = 2): Int }"],
  ["a removed enum value", "enum E { A B } type Query { a: E }", "enum E { A } type Query { a: E }"],
])("the check finds %s", (_, before, after) => {
  expect(breakingChanges(buildSchema(before), buildSchema(after))).toHaveLength(1);
});

test("a new field, optional argument or enum value is compatible", () => {
  const before = buildSchema("enum E { A } type Query { a: E }");
  const after = buildSchema("enum E { A B } type Query { a(c: Int): E b: Int }");

  expect(breakingChanges(before, after)).toEqual([]);
});

test("each deprecation has a date", async () => {
  const current = await read("../../schema.graphql");

  expect(undated(current)).toEqual([]);
});

test("the check finds a deprecation without a date, wherever it is", () => {
  const schema = buildSchema(`
    enum E { A B @deprecated(reason: "use A") }
    input I { a: Int b: Int @deprecated(reason: "2026-13-45: use a") }
    type Query { a(i: I, e: E @deprecated): Int b: Int @deprecated(reason: "2026-11-24: use a") }`);

  expect(undated(schema)).toEqual(["E.B", "I.b", "Query.a(e)"]);
});

function breakingChanges(before: GraphQLSchema, after: GraphQLSchema): string[] {
  return findSchemaChanges(before, after)
    .filter(({ type }) => BREAKING.has(type))
    .map(({ description }) => description);
}

function undated(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter(({ name }) => !name.startsWith("__"))
    .flatMap(deprecations)
    .filter(([, reason]) => !hasDate(reason))
    .map(([name]) => name)
    .toSorted();
}

type Deprecation = readonly [name: string, reason: string];

function deprecations(type: ReturnType<GraphQLSchema["getTypeMap"]>[string]): Deprecation[] {
  const found: Deprecation[] = [];
  const collect = (name: string, { deprecationReason }: { readonly deprecationReason?: string | null | undefined }) => {
    if (deprecationReason != null) found.push([`${type.name}.${name}`, deprecationReason]);
  };
  if (isEnumType(type)) for (const value of type.getValues()) collect(value.name, value);
  if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) collect(field.name, field);
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      collect(field.name, field);
      for (const argument of field.args) collect(`${field.name}(${argument.name})`, argument);
    }
  }
  return found;
}

function hasDate(reason: string): boolean {
  const [day] = /\d{4}-\d\d-\d\d/.exec(reason) ?? [];
  return day !== undefined && !Number.isNaN(Date.parse(day));
}
