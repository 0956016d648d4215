/** Limits on the cost of one request. A refusal names the limit; no value is clamped and no list is truncated. */
import { ComplexityErrorKind, type ComplexityResult } from "@pothos/plugin-complexity";
import {
  type DocumentNode,
  GraphQLError,
  Kind,
  type ParseOptions,
  parse,
  type SelectionSetNode,
  type Source,
  visit,
} from "graphql";
import type { Plugin } from "graphql-yoga";

/** Size of a request's body, in bytes. */
export const MAX_BODY_BYTES = 1_000_000;

/** Lexical tokens of one document. The largest page of a dashboard needs a tenth. */
const MAX_TOKENS = 2_000;

/** Length of a document in UTF-16 units, comments and whitespace included. */
const MAX_DOCUMENT_LENGTH = 50_000;

/** Aliased fields in one document: aliases are the cheapest way to request the same thing a thousand times. */
const MAX_ALIASES = 50;

/** Duplicate fields in one document. Validation compares each pair of them: 500 take two seconds. */
const MAX_DUPLICATE_FIELDS = 50;

/** Fragment spreads in one document. Validation compares each pair of them, too. */
const MAX_SPREADS = 50;

/** Values in all variables, lists and objects with their contents. A statement takes at most 65,535 parameters. */
const MAX_VARIABLE_VALUES = 1_000;

/**
 * `complexity` estimates the number of values in the response. A list counts with its page size. 50 threads with their newest
 * messages are about 5,000; 100 messages with their runs and 20 tool calls each are about 30,000.
 */
export const COST_LIMITS = { depth: 12, complexity: 50_000 } as const;

export function tooComplex(kind: ComplexityErrorKind, found: ComplexityResult): GraphQLError {
  const message =
    kind === ComplexityErrorKind.Depth
      ? `The query is ${found.depth} levels deep; the limit is ${COST_LIMITS.depth}`
      : `The query may return ${found.complexity} values; the limit is ${COST_LIMITS.complexity}. Request smaller pages`;
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX" } });
}

/** Limits documents before validation, because a document can make validation slow. */
export function limitDocument(): Plugin {
  return {
    onParams({ params, setResult }) {
      const refusal = refuseLength(params.query) ?? refuseVariables(params.variables);
      if (refusal) setResult({ errors: [refusal] });
    },
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions) => {
        const document = parse(source, { ...options, maxTokens: MAX_TOKENS });
        checkFields(document);
        return document;
      });
    },
  };
}

/** Yoga refuses a document that is not a string. */
function refuseLength(document: unknown): GraphQLError | undefined {
  if (typeof document !== "string" || document.length <= MAX_DOCUMENT_LENGTH) return undefined;
  return tooLarge(`The document has ${document.length} characters; the limit is ${MAX_DOCUMENT_LENGTH}`);
}

function refuseVariables(variables: unknown): GraphQLError | undefined {
  if (!hasMoreValues(variables, MAX_VARIABLE_VALUES)) return undefined;
  return tooLarge(`The variables contain more than ${MAX_VARIABLE_VALUES} values`);
}

function checkFields(document: DocumentNode): void {
  const { aliases, spreads, duplicates, schemas, introspectionAliases } = countFields(document);
  if (aliases > MAX_ALIASES) throw tooLarge(`The document has ${aliases} aliases; the limit is ${MAX_ALIASES}`);
  if (spreads > MAX_SPREADS)
    throw tooLarge(`The document has ${spreads} fragment spreads; the limit is ${MAX_SPREADS}`);
  if (duplicates > MAX_DUPLICATE_FIELDS) {
    throw tooLarge(
      `The document has ${duplicates} duplicate fields; the limit is ${MAX_DUPLICATE_FIELDS}. Select each field once`,
    );
  }
  // Introspection has no cost, so it must not be repeated within one document.
  if (schemas > 1 || introspectionAliases > 0)
    throw tooLarge("The schema can be requested once per document, without aliases in it");
}

function countFields(document: DocumentNode) {
  const counts = { aliases: 0, spreads: 0, duplicates: 0, schemas: 0, introspectionAliases: 0 };
  let introspectionDepth = 0;
  const step = (isIntrospection: boolean, by: 1 | -1) => {
    if (isIntrospection) introspectionDepth += by;
  };
  visit(document, {
    Field: {
      enter({ name, alias }) {
        if (alias) counts.aliases += 1;
        if (alias && introspectionDepth > 0) counts.introspectionAliases += 1;
        if (name.value === "__schema") counts.schemas += 1;
        step(INTROSPECTION_FIELDS.has(name.value), 1);
      },
      leave: ({ name }) => step(INTROSPECTION_FIELDS.has(name.value), -1),
    },
    FragmentSpread() {
      counts.spreads += 1;
    },
    FragmentDefinition: {
      enter: ({ typeCondition }) => step(typeCondition.name.value.startsWith("__"), 1),
      leave: ({ typeCondition }) => step(typeCondition.name.value.startsWith("__"), -1),
    },
    SelectionSet(node, _key, parent) {
      // The fields of an inline fragment belong to the selection around it, and are counted there.
      const isInline = parent !== undefined && "kind" in parent && parent.kind === Kind.INLINE_FRAGMENT;
      if (!isInline) counts.duplicates += countDuplicates(node);
    },
  });
  return counts;
}

const INTROSPECTION_FIELDS = new Set(["__schema", "__type"]);

/** How many fields of a selection have the response name of an earlier one. */
function countDuplicates(selection: SelectionSetNode): number {
  const names = responseNames(selection);
  return names.length - new Set(names).size;
}

function responseNames({ selections }: SelectionSetNode): string[] {
  return selections.flatMap((node) => {
    if (node.kind === Kind.FIELD) return [(node.alias ?? node.name).value];
    return node.kind === Kind.INLINE_FRAGMENT ? responseNames(node.selectionSet) : [];
  });
}

function hasMoreValues(root: unknown, limit: number): boolean {
  const rest = [root];
  for (let found = 0; rest.length > 0; found++) {
    if (found > limit) return true;
    const value = rest.pop();
    if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) rest.push(inner);
  }
  return false;
}

/** `spec`: the status is sent only to clients of the GraphQL over HTTP specification. */
function tooLarge(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX", http: { spec: true, status: 400 } } });
}
