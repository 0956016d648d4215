/** Collects the fields that a document requests of a type: each field once, with all places that request it. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from "graphql";

/** The document requests something that only the executor can answer. */
export class NotPlannableError extends Error {}

/** A field as the document requests it. */
export interface Requested {
  readonly scope: Scope;
  /** The type that has the field. */
  readonly type: GraphQLObjectType;
  /** Its name in the answer. */
  readonly key: string;
  readonly field: GraphQLField<unknown, unknown>;
  /** The same field may be requested in several places: what is requested of it is what they request together. */
  readonly nodes: readonly [FieldNode, ...FieldNode[]];
}

/** How many fields a plan may have. Fragments within fragments may stand for millions. */
const MAX_FIELDS = 2_000;

export interface Scope {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  fieldsLeft: number;
}

export function createScope(schema: GraphQLSchema, { definitions }: DocumentNode): Scope {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return { schema, fragments: new Map(fragments.map((each) => [each.name.value, each])), fieldsLeft: MAX_FIELDS };
}

/**
 * The fields that selections request of an object type, in their order; those with one name in the answer together.
 *
 * @throws {NotPlannableError} for directives, and for a type or field that needs more rights than a valid token.
 */
export function collectFields(
  scope: Scope,
  type: GraphQLObjectType,
  selections: readonly SelectionSetNode[],
): Requested[] {
  if ([type, ...type.getInterfaces()].some(needsRights)) throw new NotPlannableError();
  const nodesByKey = new Map<string, [FieldNode, ...FieldNode[]]>();
  const visit = (node: SelectionNode): void => {
    const part = node.kind === Kind.FRAGMENT_SPREAD ? scope.fragments.get(node.name.value) : node;
    scope.fieldsLeft -= 1;
    if (scope.fieldsLeft < 0 || !part || node.directives?.length || part.directives?.length)
      throw new NotPlannableError();
    if (part.kind === Kind.FIELD) {
      const key = (part.alias ?? part.name).value;
      nodesByKey.set(key, [...(nodesByKey.get(key) ?? []), part] as [FieldNode]);
    } else if (applies(scope, type, part.typeCondition?.name.value)) part.selectionSet.selections.forEach(visit);
  };
  for (const selection of selections) selection.selections.forEach(visit);
  return [...nodesByKey].map(([key, nodes]) => ({ scope, type, key, nodes, field: fieldOf(type, key, nodes[0]) }));
}

function fieldOf(type: GraphQLObjectType, key: string, { name }: FieldNode): Requested["field"] {
  const field = name.value === "__typename" ? TypeNameMetaFieldDef : type.getFields()[name.value];
  // An assignment to `__proto__` would make no property.
  if (!field || needsRights(field) || key === "__proto__") throw new NotPlannableError();
  return field;
}

function applies({ schema }: Scope, type: GraphQLObjectType, condition: string | undefined): boolean {
  if (condition === undefined || condition === type.name) return true;
  const other = schema.getType(condition);
  return isAbstractType(other) && schema.isSubType(other, type);
}

/** Whether more than a valid token is needed: the executor checks it, a plan does not. */
function needsRights({ extensions }: { readonly extensions: { readonly pothosOptions?: unknown } }): boolean {
  const { authScopes } = (extensions.pothosOptions ?? {}) as { readonly authScopes?: object };
  return authScopes !== undefined && !("reader" in authScopes);
}
