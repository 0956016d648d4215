/**
 * Makes plans. A document with anything that a plan does not know has none, and is executed field by field. It knows no SQL.
 */
import {
  type DocumentNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isLeafType,
  isObjectType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from "graphql";
import { countJoins, isColumn, SHAPED, type Shape, type ShapedKind } from "../../db/queries/admin/shapes.ts";
import { createCollector, isForSome, UnknownToPlans } from "./collect-fields.ts";
import { COLUMNS, LISTS, LOADED_COLUMNS, NODE_OF, REFERENCES, ROOT_LISTS, ROOT_ROWS } from "./knowledge.ts";
import type {
  Asked,
  Connection,
  ConnectionField,
  EdgePart,
  EventField,
  EventPlans,
  Fragments,
  PagePart,
  Plan,
  RootField,
  RowField,
  Rows,
  ValueField,
} from "./plan.ts";

/** The plan of an operation; null where it asks for something that no plan knows. */
export function planOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Plan | null {
  const query = schema.getQueryType();
  if (!query || operation.operation !== "query") return null;
  const fragments = fragmentsOf(document);
  return unlessUnknown(() => {
    const planner = createPlanner(schema, fragments);
    return { operation, fragments, root: planner.root(query, operation.selectionSet) };
  });
}

/** The plans of a subscription's events; null where it has none for any of them. */
export function planEvents(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): EventPlans | null {
  const subscription = schema.getSubscriptionType();
  if (!subscription || operation.operation !== "subscription") return null;
  const fragments = fragmentsOf(document);
  return unlessUnknown(() => {
    const asked = createPlanner(schema, fragments).only(subscription, operation.selectionSet);
    const union = getNamedType(asked.field.type);
    if (!isUnionType(union)) return null;
    const byType = new Map<string, readonly EventField[]>();
    for (const type of union.getTypes()) {
      const fields = unlessUnknown(() => createPlanner(schema, fragments).event(type, asked));
      if (fields) byType.set(type.name, fields);
    }
    return { fragments, key: asked.key, union, byType };
  });
}

function fragmentsOf(document: DocumentNode): Fragments {
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  // Without a prototype, as graphql-js has it: a fragment may be called anything.
  return Object.assign(Object.create(null), Object.fromEntries(fragments.map((each) => [each.name.value, each])));
}

function unlessUnknown<Made>(make: () => Made): Made | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof UnknownToPlans) return null;
    throw error;
  }
}

/**
 * Rows that one statement joins to each of its own. Beyond it a statement costs the server megabytes to plan and to remember, and
 * ever more the more there are; the executor loads them batch by batch.
 */
const MAX_JOINS = 12;

function createPlanner(schema: GraphQLSchema, fragments: Fragments) {
  const { collect, asked, selectionsOf } = createCollector(schema, fragments);
  const values = (type: GraphQLObjectType, selections: readonly SelectionSetNode[]): ValueField[] =>
    [...collect(type, selections)].map(([key, nodes]) => {
      const one = asked(type, key, nodes);
      return one ? value(one) : { as: "typename", key, name: type.name };
    });

  const value = (one: Asked): Asked & { as: "value"; fields: ValueField[] | null } => {
    const type = getNamedType(one.field.type);
    if (isLeafType(type)) return { ...one, as: "value", fields: null };
    if (!isObjectType(type) || isForSome(type) || type.name in SHAPED || type.name in NODE_OF)
      throw new UnknownToPlans();
    return { ...one, as: "value", fields: values(type, selectionsOf(one)) };
  };

  const rows = (kind: ShapedKind, selections: readonly SelectionSetNode[]): Rows => {
    const type = schema.getType(kind);
    if (!isObjectType(type) || isForSome(type)) throw new UnknownToPlans();
    const columns = new Set<string>();
    const instants = new Set<string>();
    const one = new Map<string, { by: string; shape: Shape }>();
    const lastMessage = new Map<string, { role: "user" | "assistant" | null; shape: Shape }>();
    let countsMessages = false;
    // A number: what the client calls it may be a column's name, or longer than Postgres lets a name be.
    const nextJoined = () => String(one.size + lastMessage.size);
    const fields = [...collect(type, selections)].map(([key, nodes]): RowField => {
      const wish = asked(type, key, nodes);
      if (!wish) return { as: "typename", key, name: type.name };
      if (wish.field.name === "id") return { as: "id", key, kind };
      const name = `${kind}.${wish.field.name}`;
      const reference = REFERENCES[name];
      if (reference) {
        const of = rows(reference.kind, selectionsOf(wish));
        const at = nextJoined();
        one.set(at, { by: reference.by, shape: of.shape });
        return { ...wish, as: "one", at, rows: of };
      }
      if (LISTS.has(name)) return { ...wish, as: "list", connection: connection(wish) };
      if (name === "Thread.lastMessage") {
        const of = rows("Message", selectionsOf(wish));
        const at = nextJoined();
        lastMessage.set(at, { role: roleOf(wish), shape: of.shape });
        return { ...wish, as: "one", at, rows: of };
      }
      if (name === "Thread.messageCount") {
        countsMessages = true;
        return { ...wish, as: "column", column: "messageCount" };
      }
      if (LOADED_COLUMNS.has(name)) {
        columns.add(wish.field.name);
        return { ...wish, as: "column", column: wish.field.name };
      }
      if (getNamedType(wish.field.type).name === "DateTime" && isColumn(kind, wish.field.name)) {
        instants.add(wish.field.name);
        return { ...wish, as: "instant", column: wish.field.name };
      }
      const needed = COLUMNS[name] ?? (isColumn(kind, wish.field.name) ? [wish.field.name] : null);
      if (!needed) throw new UnknownToPlans();
      for (const column of needed) columns.add(column);
      return value(wish);
    });
    return { type, fields, shape: { kind, columns, instants, one, lastMessage, countsMessages } };
  };

  const connection = (wish: Asked): Connection => {
    const type = getNamedType(wish.field.type);
    const kind = NODE_OF[type.name];
    if (!kind || !isObjectType(type) || isForSome(type)) throw new UnknownToPlans();
    const rowSelections: SelectionSetNode[][] = [];
    const fields = [...collect(type, selectionsOf(wish))].map(([key, nodes]): ConnectionField => {
      const part = asked(type, key, nodes);
      if (!part) return { as: "typename", key, name: type.name };
      const inner = getNamedType(part.field.type);
      if (part.field.name === "nodes") {
        rowSelections.push(selectionsOf(part));
        return { as: "nodes", key };
      }
      if (!isObjectType(inner) || (part.field.name !== "edges" && part.field.name !== "pageInfo"))
        throw new UnknownToPlans();
      if (isForSome(inner)) throw new UnknownToPlans();
      const parts = [...collect(inner, selectionsOf(part))].map(([partKey, partNodes]) => {
        const name = asked(inner, partKey, partNodes)?.field.name ?? "__typename";
        if (name === "node") rowSelections.push(partNodes.flatMap((node) => node.selectionSet ?? []));
        return { key: partKey, as: name as EdgePart & PagePart };
      });
      if (part.field.name === "edges") return { as: "edges", key, typeName: inner.name, fields: parts };
      return { as: "pageInfo", key, fields: parts };
    });
    // With two selections of the same rows each would need a shape of its own.
    const [only, ...more] = rowSelections;
    if (!only || more.length > 0) throw new UnknownToPlans();
    const of = rows(kind, only);
    if (countJoins(of.shape) > MAX_JOINS) throw new UnknownToPlans();
    return { rows: of, fields };
  };

  const root = (type: GraphQLObjectType, selection: SelectionSetNode): RootField[] =>
    [...collect(type, [selection])].map(([key, nodes]) => {
      const wish = asked(type, key, nodes);
      if (!wish) throw new UnknownToPlans();
      if (ROOT_LISTS.has(wish.field.name)) return { ...wish, as: "list", connection: connection(wish) };
      const kind = ROOT_ROWS[wish.field.name];
      if (!kind) throw new UnknownToPlans();
      const of = rows(kind, selectionsOf(wish));
      // The row is loaded by itself, with nothing joined to it.
      if (of.shape.one.size + of.shape.lastMessage.size > 0 || of.shape.countsMessages) throw new UnknownToPlans();
      return { ...wish, as: "row", rows: of };
    });

  const only = (type: GraphQLObjectType, selection: SelectionSetNode): Asked => {
    const [[key, nodes] = ["", []], ...more] = collect(type, [selection]);
    const wish = asked(type, key, nodes);
    if (!wish || more.length > 0) throw new UnknownToPlans();
    return wish;
  };

  const event = (type: GraphQLObjectType, root: Asked): EventField[] => {
    if (isForSome(type)) throw new UnknownToPlans();
    return [...collect(type, selectionsOf(root))].map(([key, nodes]): EventField => {
      const wish = asked(type, key, nodes);
      if (!wish) return { as: "typename", key, name: type.name };
      const { name } = getNamedType(wish.field.type);
      if (!isShaped(name)) return value(wish);
      const of = rows(name, selectionsOf(wish));
      if (!isOfRowAlone(of)) throw new UnknownToPlans();
      return { ...wish, as: "row", rows: of };
    });
  };
  return { root, only, event };
}

function isShaped(name: string): name is ShapedKind {
  return name in SHAPED;
}

/** Whether the rows that somebody brings along are enough, as they are stored and without what may be large. */
function isOfRowAlone({ type, fields }: Rows): boolean {
  return fields.every((field) => {
    if (field.as === "one" || field.as === "list") return false;
    return field.as !== "column" || isColumnOfRow(type, field);
  });
}

function isColumnOfRow(type: GraphQLObjectType, { field }: Asked): boolean {
  return !LOADED_COLUMNS.has(`${type.name}.${field.name}`) && isShaped(type.name) && isColumn(type.name, field.name);
}

/** Which last message is wanted. A variable would make another plan of each of its values. */
function roleOf({ nodes }: Asked): "user" | "assistant" | null {
  const given = nodes[0].arguments?.find(({ name }) => name.value === "role")?.value;
  if (given === undefined || given.kind === Kind.NULL) return null;
  if (given.kind === Kind.ENUM && given.value === "USER") return "user";
  if (given.kind === Kind.ENUM && given.value === "ASSISTANT") return "assistant";
  throw new UnknownToPlans();
}
