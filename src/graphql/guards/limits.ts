/**
 * What one request may cost. A refusal says which limit it met; nothing is clamped or cut short.
 */
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

/** A request's body, in bytes. */
export const MAX_BODY_BYTES = 1_000_000;

/** Words and signs of one document: a dashboard's largest page needs a tenth. */
const MAX_TOKENS = 2_000;

/** A document's text in UTF-16 units, comments and blanks with it. */
const MAX_DOCUMENT_LENGTH = 50_000;

/** Fields under an alias in one document: the cheapest way to ask the same thing a thousand times. */
const MAX_ALIASES = 50;

/** Fields that stand again where they stood: validation compares each with each, and 500 of them take it two seconds. */
const MAX_REPEATED_FIELDS = 50;

/** Fragments spread in one document: validation compares each with each of them too. */
const MAX_SPREADS = 50;

/** Values of all variables, lists and objects counted with what is in them: a statement takes 65,535 parameters. */
const MAX_VARIABLE_VALUES = 1_000;

/**
 * `complexity` estimates the values in the answer, a list counting its page size: 50 threads with their newest messages
 * are about 5,000, 100 messages with their runs and 20 tool calls each about 30,000.
 */
export const COST_LIMITS = { depth: 12, complexity: 50_000 } as const;

export function tooComplex(kind: ComplexityErrorKind, found: ComplexityResult): GraphQLError {
  const message =
    kind === ComplexityErrorKind.Depth
      ? `The query is ${found.depth} levels deep; ${COST_LIMITS.depth} are allowed`
      : `The query may answer ${found.complexity} values; ${COST_LIMITS.complexity} are allowed. Ask for smaller pages`;
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX" } });
}

/** Bounds what is sent before it is validated: validation is what a document can make slow. */
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

/** Another thing than a text is for Yoga to refuse. */
function refuseLength(document: unknown): GraphQLError | undefined {
  if (typeof document !== "string" || document.length <= MAX_DOCUMENT_LENGTH) return undefined;
  return tooMuch(`The document has ${document.length} characters; ${MAX_DOCUMENT_LENGTH} are allowed`);
}

function refuseVariables(variables: unknown): GraphQLError | undefined {
  if (!hasMoreValues(variables, MAX_VARIABLE_VALUES)) return undefined;
  return tooMuch(`The variables hold more than ${MAX_VARIABLE_VALUES} values`);
}

function checkFields(document: DocumentNode): void {
  const { aliases, spreads, repeated, schemas, introspectionAliases } = countFields(document);
  if (aliases > MAX_ALIASES) throw tooMuch(`The document has ${aliases} aliases; ${MAX_ALIASES} are allowed`);
  if (spreads > MAX_SPREADS) throw tooMuch(`The document spreads ${spreads} fragments; ${MAX_SPREADS} are allowed`);
  if (repeated > MAX_REPEATED_FIELDS) {
    throw tooMuch(
      `${repeated} fields stand again where they stood before; ${MAX_REPEATED_FIELDS} may. Ask for each once`,
    );
  }
  // No cost is counted for introspection: so it has no means to ask for the same again.
  if (schemas > 1 || introspectionAliases > 0)
    throw tooMuch("The schema can be asked for once, and without aliases in it");
}

function countFields(document: DocumentNode) {
  const counts = { aliases: 0, spreads: 0, repeated: 0, schemas: 0, introspectionAliases: 0 };
  let introspection = 0;
  const step = (isIntrospection: boolean, by: 1 | -1) => {
    if (isIntrospection) introspection += by;
  };
  visit(document, {
    Field: {
      enter({ name, alias }) {
        if (alias) counts.aliases += 1;
        if (alias && introspection > 0) counts.introspectionAliases += 1;
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
      // An inline fragment's fields stand where it stands, and are counted there.
      const isInline = parent !== undefined && "kind" in parent && parent.kind === Kind.INLINE_FRAGMENT;
      if (!isInline) counts.repeated += countRepeated(node);
    },
  });
  return counts;
}

const INTROSPECTION_FIELDS = new Set(["__schema", "__type"]);

/** How many fields of a selection have the name of one before them in the answer. */
function countRepeated(selection: SelectionSetNode): number {
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

/** `spec`: with this status for those clients only to whom the specification promises it. */
function tooMuch(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX", http: { spec: true, status: 400 } } });
}
