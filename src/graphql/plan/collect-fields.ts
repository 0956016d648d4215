/** What a document asks of a type, as plans need it: each field once, with all the places where it is asked for. */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  type SelectionSetNode,
} from "graphql";
import type { Asked, Fragments } from "./plan.ts";

/** Something that no plan knows. */
export class UnknownToPlans extends Error {}

/** Fragments in fragments stand for thousands of fields; what they cost is counted later, by the executor. */
const MAX_FIELDS = 2_000;

export function createCollector(schema: GraphQLSchema, fragments: Fragments) {
  let left = MAX_FIELDS;
  /** The fields of selections on one type, those of the same name in the answer together, in their order. */
  const collect = (type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Map<string, FieldNode[]> => {
    const found = new Map<string, FieldNode[]>();
    const visit = ({ selections: nodes }: SelectionSetNode) => {
      for (const node of nodes) {
        left -= 1;
        if (left < 0) throw new UnknownToPlans();
        if (node.directives && node.directives.length > 0) throw new UnknownToPlans();
        if (node.kind === Kind.FIELD) {
          const key = (node.alias ?? node.name).value;
          // As a key of an object it is none.
          if (key === "__proto__") throw new UnknownToPlans();
          found.set(key, [...(found.get(key) ?? []), node]);
          continue;
        }
        const part = node.kind === Kind.INLINE_FRAGMENT ? node : fragments[node.name.value];
        if (part && (part.directives?.length ?? 0) === 0 && isMeant(type, part.typeCondition?.name.value))
          visit(part.selectionSet);
        else if (part?.directives?.length) throw new UnknownToPlans();
      }
    };
    for (const selection of selections) visit(selection);
    return found;
  };
  const isMeant = (type: GraphQLObjectType, condition: string | undefined): boolean => {
    if (condition === undefined || condition === type.name) return true;
    const other = schema.getType(condition);
    return isAbstractType(other) && schema.isSubType(other, type);
  };
  const asked = (type: GraphQLObjectType, key: string, nodes: readonly FieldNode[]): Asked | null => {
    const [first, ...others] = nodes;
    if (!first || first.name.value === "__typename") return null;
    const field = type.getFields()[first.name.value];
    if (!field || hasRights(field)) throw new UnknownToPlans();
    return { key, field, nodes: [first, ...others] };
  };
  const selectionsOf = ({ nodes }: Asked) => nodes.flatMap((node) => node.selectionSet ?? []);
  return { collect, asked, selectionsOf };
}

/** Whether somebody who is signed in may be refused what this type has. */
export function isForSome(type: GraphQLObjectType): boolean {
  return hasRights(type) || type.getInterfaces().some(hasRights);
}

/** Whether it asks for more rights than to be signed in: the executor knows when, a plan does not ask. */
function hasRights({ extensions }: { readonly extensions: GraphQLField<unknown, unknown>["extensions"] }): boolean {
  const options = extensions.pothosOptions as { readonly authScopes?: unknown } | undefined;
  return options?.authScopes !== undefined;
}
