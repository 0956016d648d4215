/** Completes values as GraphQL defines it, but at once: a plan never waits for a field. */
import {
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  getArgumentValues,
  isLeafType,
  isListType,
  isNonNullType,
  type ValidatedExecutionArgs,
} from "graphql";
import type { AdminContext } from "../context.ts";
import type { Requested } from "./collect-fields.ts";
import type { PlannedField, Resolve, Source } from "./plan.ts";

/** A plan met something that it cannot answer. */
export class PlanFailedError extends Error {}

/** The fields that are requested of an object; null if only the executor can answer for it. */
export type FieldsOf = (value: object) => readonly PlannedField[] | null;

export function completeFields(fields: readonly PlannedField[], source: Source, resolve: Resolve) {
  const answer: Record<string, unknown> = {};
  for (const field of fields) answer[field.key] = field.answer(source, resolve);
  return answer;
}

type Complete = (value: unknown, resolve: Resolve) => unknown;

/** Makes a function that completes values of a type; `fieldsOf` is null for a leaf. */
export function createCompleter(type: GraphQLOutputType, fieldsOf: FieldsOf | null): Complete {
  if (isNonNullType(type)) {
    const complete = createCompleter(type.ofType, fieldsOf);
    return (value, resolve) => complete(value, resolve) ?? fail("null for a type that is not nullable");
  }
  if (isListType(type)) {
    const complete = createCompleter(type.ofType, fieldsOf);
    return unlessNull((items, resolve) => Array.from(items as Iterable<unknown>, (item) => complete(item, resolve)));
  }
  if (isLeafType(type)) return unlessNull((value) => type.coerceOutputValue(value));
  return unlessNull((value, resolve) => {
    const fields = typeof value === "object" && value ? fieldsOf?.(value) : null;
    return fields ? completeFields(fields, value as Source, resolve) : fail("an object without a plan, or an id");
  });
}

function unlessNull(complete: Complete): Complete {
  return (value, resolve) => {
    if (value === null || value === undefined) return null;
    if (value instanceof Error) fail("an error for a value");
    if (value instanceof Promise) {
      // Nobody else waits for it, and a rejection without a handler ends the process.
      value.catch(() => undefined);
      fail("a promise for a value");
    }
    return complete(value, resolve);
  };
}

function fail(message: string): never {
  throw new PlanFailedError(message);
}

/** Calls resolvers. What they need of the document and its variables is worked out at a field's first call. */
export function createResolve(args: ValidatedExecutionArgs): (context: AdminContext) => Resolve {
  const { variableValues, fragmentDefinitions: fragments } = args;
  const prepare = ({ field, nodes }: Requested) => {
    const info: object = { ...args, fragments, fieldName: field.name, fieldNodes: nodes, returnType: field.type };
    return { values: getArgumentValues(field, nodes[0], variableValues), info: info as GraphQLResolveInfo };
  };
  const calls = new Map<Requested, ReturnType<typeof prepare>>();
  return (context) => (requested, source) => {
    const { values, info } = calls.getOrInsertComputed(requested, prepare);
    return requested.field.resolve?.(source, values, context, info);
  };
}
