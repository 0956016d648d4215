/** Walks the schema, so that tests cover every field of every type, future ones included. */
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from "graphql";
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";

type Field = GraphQLField<unknown, unknown>;

/** A well-formed id of no object. */
export const SOME_ID = encodeGlobalId("Thread", "01990000-0000-7000-8000-000000000000");

/** All object types of our schema, root types included. */
export function objectTypes(schema: GraphQLSchema): GraphQLObjectType[] {
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !type.name.startsWith("__"));
}

export function fieldsOf(type: GraphQLObjectType): Field[] {
  return Object.values(type.getFields());
}

/** A field as GraphQL text, with its required arguments, and with `__typename` if it returns an object. */
export function select(field: Field, selection = "__typename"): string {
  const args = field.args.filter(isRequiredArgument).map(({ name, type }) => `${name}: ${literalOf(type)}`);
  const inner = isCompositeType(getNamedType(field.type)) ? ` { ${selection} }` : "";
  return `${field.name}${args.length > 0 ? `(${args.join(", ")})` : ""}${inner}`;
}

/** One document per reachable type, with `selection` as its innermost selection set. */
export function pathsFromRoots(schema: GraphQLSchema): Map<GraphQLObjectType, (selection: string) => string> {
  const paths = new Map<GraphQLObjectType, (selection: string) => string>();
  const roots = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  };
  for (const [operation, root] of Object.entries(roots)) {
    if (root) paths.set(root, (selection) => `${operation} { ${selection} }`);
  }
  // A Map iteration includes entries that are added during the iteration.
  for (const [type, path] of paths) {
    for (const field of fieldsOf(type)) {
      for (const [next, wrap] of typesBehind(schema, field)) {
        if (!paths.has(next)) paths.set(next, (selection) => path(select(field, wrap(selection))));
      }
    }
  }
  return paths;
}

function typesBehind(
  schema: GraphQLSchema,
  field: Field,
): (readonly [GraphQLObjectType, (selection: string) => string])[] {
  const type = getNamedType(field.type);
  if (isObjectType(type)) return [[type, (selection) => selection]];
  if (!isAbstractType(type)) return [];
  return schema
    .getPossibleTypes(type)
    .map((possible) => [possible, (selection: string) => `... on ${possible.name} { ${selection} }`] as const);
}

const SCALARS: Record<string, string> = {
  ID: JSON.stringify(SOME_ID),
  String: '"word"',
  Int: "1",
  Float: "1",
  Boolean: "true",
  DateTime: '"2999-11-15T08:30:00Z"',
  Date: '"2026-11-15"',
  Decimal: '"1"',
  JSON: "{}",
};

/** A valid value of an input type, as GraphQL text. */
function literalOf(type: GraphQLInputType): string {
  const plain = getNullableType(type);
  if (isListType(plain)) return `[${literalOf(plain.ofType)}]`;
  if (isEnumType(plain)) return plain.getValues()[0]?.name ?? "";
  if (!isInputObjectType(plain)) return scalar(plain.name);
  const fields = Object.values(plain.getFields()).filter(isRequiredInputField);
  return `{ ${fields.map((field) => `${field.name}: ${literalOf(field.type)}`).join(", ")} }`;
}

function scalar(name: string): string {
  const literal = SCALARS[name];
  if (literal === undefined) throw new Error(`the walk knows no value of the scalar ${name}: add one`);
  return literal;
}
