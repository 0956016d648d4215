/** Generates queries that are valid except for their values: any fields at any depth with any arguments. */

import {
  type DocumentNode,
  type GraphQLArgument,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isRequiredArgument,
  isUnionType,
  parse,
} from "graphql";
import { fc } from "../../support/property.ts";
import type { Mood, Value } from "./values.ts";

export interface Query {
  readonly text: string;
  readonly variables: Record<string, unknown>;
  /** Number of selected fields in the document. */
  readonly fields: number;
}

interface Argument {
  readonly name: string;
  readonly type: string;
  readonly value: Value;
  readonly isVariable: boolean;
}

/** A field, or with `on` a fragment. `isNamed`: a named fragment instead of an inline one. */
interface Selected {
  readonly name: string;
  readonly alias: string;
  readonly args: readonly Argument[];
  readonly directive: string;
  readonly on: string | null;
  readonly isNamed: boolean;
  readonly inner: readonly Selected[];
}

const MAX_DEPTH = 7;
const TYPENAME: Selected = leaf("__typename");

interface Drawing {
  readonly mood: Mood;
  readonly valuesOf: (type: GraphQLArgument["type"]) => fc.Arbitrary<Value>;
  /** Generates subscriptions only. */
  readonly isLive?: boolean;
}

/** Generates queries and mutations, or subscriptions. `valuesOf` generates the value of an argument. */
export function queriesOf(schema: GraphQLSchema, drawing: Drawing): fc.Arbitrary<Query> {
  const selections = selectionsOf(schema, drawing);
  const roots: [string, GraphQLObjectType | null | undefined, number][] = drawing.isLive
    ? [["subscription", schema.getSubscriptionType(), 1]]
    : [
        ["query", schema.getQueryType(), 12],
        ["mutation", schema.getMutationType(), 1],
      ];
  return fc.oneof(
    ...roots.flatMap(([operation, root, weight]) =>
      root ? [{ weight, arbitrary: selections(root, 0).map((inner) => render(operation, inner)) }] : [],
    ),
  );
}

type Selections = (type: GraphQLCompositeType, depth: number) => fc.Arbitrary<Selected[]>;

/** Generates the selections on a type at a depth, each once. */
function selectionsOf(schema: GraphQLSchema, { mood, valuesOf }: Drawing): Selections {
  const made = new Map<string, fc.Arbitrary<Selected[]>>();

  const selections: Selections = (type, depth) => {
    const key = `${type.name} ${depth}`;
    const known = made.get(key) ?? build(type, depth);
    made.set(key, known);
    return known;
  };
  const build: Selections = (type, depth) => {
    const own = isUnionType(type) ? [] : Object.values(type.getFields());
    const fields = own.filter((field) => depth < MAX_DEPTH || !isCompositeType(getNamedType(field.type)));
    const choices = [fc.constant(TYPENAME), ...fields.map((field) => selected(field, depth))];
    if (depth < MAX_DEPTH) choices.push(...fragments(type, depth));
    return fc.uniqueArray(fc.oneof(...choices), {
      minLength: 1,
      maxLength: depth === 0 ? 2 : 4,
      selector: responseNameOf,
    });
  };
  const fragments = (type: GraphQLCompositeType, depth: number): fc.Arbitrary<Selected>[] => {
    const targets: readonly GraphQLCompositeType[] = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
    return targets.map((target) =>
      fc.tuple(fc.boolean(), selections(target, depth + 1)).map(([isNamed, inner]) => ({
        ...leaf(""),
        on: target.name,
        isNamed,
        inner,
      })),
    );
  };
  const selected = (field: GraphQLField<unknown, unknown>, depth: number): fc.Arbitrary<Selected> => {
    const type = getNamedType(field.type);
    const inner = isCompositeType(type) ? selections(type, depth + 1) : fc.constant([]);
    return fc
      .record({
        alias: fc.oneof({ weight: 12, arbitrary: fc.constant("") }, fc.constantFrom("a", "b", "__proto__")),
        args: fc.tuple(...field.args.map((argument) => argumentOf(argument, { mood, valuesOf }))),
        directive: directivesOf(mood),
        inner,
      })
      .map(({ args, ...rest }) => ({ ...leaf(field.name), ...rest, args: args.filter((arg) => arg !== null) }));
  };
  return selections;
}

function directivesOf(mood: Mood): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 100, arbitrary: fc.constant("") },
    { weight: 8, arbitrary: fc.constantFrom("@include(if: true)", "@skip(if: true)") },
    { weight: mood === "tame" ? 0 : 1, arbitrary: fc.constantFrom("@nothing", "@skip") },
  );
}

/** Null for a syntax error: generated values may be invalid GraphQL. */
export function parseDrawn(text: string): DocumentNode | null {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

/** These arguments are refused most often, so tame queries rarely use them. */
const RARE = new Set(["last", "before", "after"]);

function argumentOf(argument: GraphQLArgument, { mood, valuesOf }: Drawing): fc.Arbitrary<Argument | null> {
  const given = fc.tuple(valuesOf(argument.type), fc.nat(3)).map(([value, place]) => ({
    name: argument.name,
    type: String(argument.type),
    value,
    // A lone surrogate is a syntax error in a document, but reaches the API in a variable.
    isVariable: place > 0,
  }));
  const absence = mood === "tame" && RARE.has(argument.name) ? 30 : 1;
  return isRequiredArgument(argument) ? given : fc.oneof({ weight: absence, arbitrary: fc.constant(null) }, given);
}

function leaf(name: string): Selected {
  return { name, alias: "", args: [], directive: "", on: null, isNamed: false, inner: [] };
}

/** The response name. Two selections with the same one would conflict or merge. */
function responseNameOf({ on, alias, name }: Selected): string {
  return on === null ? alias || name : `... ${on}`;
}

function render(operation: string, inner: readonly Selected[]): Query {
  const variables: Record<string, unknown> = {};
  const declared: string[] = [];
  const fragments: string[] = [];
  let fields = 0;

  const body = (nodes: readonly Selected[]): string => (nodes.length > 0 ? `{ ${nodes.map(one).join(" ")} }` : "");
  const one = (node: Selected): string => {
    if (node.on !== null) return fragment(node.on, node);
    fields += 1;
    const args = node.args.map((argument) => `${argument.name}: ${written(argument)}`).join(", ");
    // The same field with other arguments elsewhere would conflict.
    const alias = args ? `f${fields}` : node.alias;
    const name = `${alias ? `${alias}: ` : ""}${node.name}${args ? `(${args})` : ""}`;
    return [name, node.directive, body(node.inner)].filter(Boolean).join(" ");
  };
  const fragment = (on: string, node: Selected): string => {
    const inside = body(node.inner);
    if (!node.isNamed) return `... on ${on} ${inside}`;
    const name = `F${fragments.length}`;
    fragments.push(`fragment ${name} on ${on} ${inside}`);
    return `...${name}`;
  };
  const written = ({ type, value, isVariable }: Argument): string => {
    if (!isVariable) return value.literal;
    const name = `v${declared.length}`;
    declared.push(`$${name}: ${type}`);
    variables[name] = value.json;
    return `$${name}`;
  };

  const selection = body(inner);
  const head = declared.length > 0 ? `${operation} (${declared.join(", ")})` : operation;
  return { text: [`${head} ${selection}`, ...fragments].join("\n"), variables, fields };
}
