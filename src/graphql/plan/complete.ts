/**
 * Answers for what is there already, without a promise for any of it: columns of a row, and values that resolvers make at once.
 *
 * What a field says is its own resolver's matter, and so are its arguments and limits.
 */
import {
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  getArgumentValues,
  isLeafType,
  isListType,
  isNonNullType,
  type ValidatedExecutionArgs,
} from "graphql";
import { instantKey } from "../../db/queries/admin/shapes.ts";
import type { AdminContext } from "../context.ts";
import { encodeGlobalId } from "../lists/ids.ts";
import { writeInstant } from "../types/scalars.ts";
import type { Asked, Fragments, LocalField, ValueField } from "./plan.ts";

export type Row = Readonly<Record<string, unknown>>;
export type Answer = Record<string, unknown>;

/** A plan came to something that it cannot answer. */
export class PlanFailedError extends Error {}

/** Calls a field's resolver, with the arguments that the document gives it. @throws whatever the resolver throws. */
export type Resolve = (source: unknown, asked: Pick<Asked, "field" | "nodes">, context: AdminContext) => unknown;

/** What resolvers need of the document and its variables is worked out at a field's first call. */
export function createResolve(args: ValidatedExecutionArgs, fragments: Fragments): Resolve {
  const calls = new Map<object, Call>();
  return (source, asked, context) => {
    const call = calls.get(asked) ?? callOf(args, fragments, asked);
    calls.set(asked, call);
    return asked.field.resolve?.(source, call.args, context, call.info);
  };
}

type Call = { readonly args: Record<string, unknown>; readonly info: GraphQLResolveInfo };

function callOf(
  args: ValidatedExecutionArgs,
  fragments: Fragments,
  { field, nodes: [node] }: Pick<Asked, "field" | "nodes">,
): Call {
  const info = { ...args, fragments, fieldName: field.name, fieldNodes: [node], returnType: field.type };
  return {
    args: getArgumentValues(field, node, args.variableValues),
    info: info as unknown as GraphQLResolveInfo,
  };
}

export function createCompleter(resolve: Resolve, context: AdminContext) {
  /** @throws {PlanFailedError} for what is not there. */
  const completeLocal = (field: LocalField, row: Row): unknown => {
    if (field.as === "typename") return field.name;
    if (field.as === "id") return encodeGlobalId(field.kind, String(row.id));
    if (field.as === "value") return complete(field.field.type, resolve(row, field, context), field.fields);
    if (field.as === "column") return complete(field.field.type, row[field.column], null);
    const text = row[instantKey(field.column)];
    if (typeof text === "string") return writeInstant(text);
    // Nothing, or a row that was loaded by itself, as a whole.
    return complete(field.field.type, row[field.column], null);
  };

  /** A value as its type says it, for an object with the fields that are asked of it. */
  const complete = (type: GraphQLOutputType, value: unknown, fields: readonly ValueField[] | null): unknown => {
    if (isNonNullType(type)) {
      const completed = complete(type.ofType, value, fields);
      if (completed === null) throw new PlanFailedError("a value that must be there is not");
      return completed;
    }
    if (value === null || value === undefined) return null;
    refuseUnfit(value);
    if (isListType(type)) return [...(value as Iterable<unknown>)].map((item) => complete(type.ofType, item, fields));
    if (isLeafType(type)) return type.coerceOutputValue(value);
    return completeValue(value, fields ?? []);
  };

  const completeValue = (value: unknown, fields: readonly ValueField[]): Answer => {
    const answer: Answer = {};
    for (const field of fields) answer[field.key] = completeLocal(field, value as Row);
    return answer;
  };
  return { completeLocal };
}

/** @throws {PlanFailedError} for a promise, as a plan waits for nothing, and for an error that is given instead of thrown. */
export function refuseUnfit(value: unknown): void {
  if (value instanceof Error) throw new PlanFailedError("an error", { cause: value });
  if (!(value instanceof Promise)) return;
  // Should it fail, there is somebody who hears of it.
  value.catch(() => undefined);
  throw new PlanFailedError("a value that a plan takes as there is loaded");
}
