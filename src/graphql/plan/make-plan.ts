/**
 * Makes plans from what the fields of the schema state about how they are read (`types/reading.ts`). A document that requests
 * any other field of a row has no plan, and is executed field by field.
 */
import {
  type DocumentNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type GraphQLUnionType,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isLeafType,
  isObjectType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  TypeNameMetaFieldDef,
} from "graphql";
import { columnsOf, countJoins, isInstant, type Table } from "../../db/queries/admin/shapes.ts";
import { encodeGlobalId } from "../lists/ids.ts";
import { type Reading, readingOf, tableOf } from "../types/reading.ts";
import { collectFields, createScope, NotPlannableError, type Requested } from "./collect-fields.ts";
import { createCompleter, type FieldsOf } from "./complete.ts";
import { joinedRow, type ListPlan, type Plan, type PlannedField, type RowPlan, type Source } from "./plan.ts";

/** How many rows a statement may join to each of its rows. With more, PostgreSQL needs megabytes to plan it and to cache the plan. */
const MAX_JOINS = 12;

/** The plan of a query or a subscription; null if only the executor can answer it. */
export function makePlan(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Plan | null {
  const root = operation.operation === "mutation" ? null : schema.getRootType(operation.operation);
  if (!root) return null;
  const scope = createScope(schema, document);
  const reads = { lists: new Map(), rows: new Map() };
  // An event is the value of a subscription's field.
  const planEvent = (field: Requested) => toPlanned(field, (event) => event, planFields(field));
  const planField = operation.operation === "query" ? (field: Requested) => planQueryField(reads, field) : planEvent;
  const fields = ifPlannable(() => collectFields(scope, root, [operation.selectionSet]).map(planField));
  return fields && { fields, ...reads };
}

/** Makes the plan of an operation once. It is kept as long as its document (see `cacheDocuments`). */
export function cachePlans(): typeof makePlan {
  const plans = new WeakMap<OperationDefinitionNode, Plan | null>();
  return (schema, document, operation) =>
    plans.getOrInsertComputed(operation, () => makePlan(schema, document, operation));
}

function ifPlannable<Made>(make: () => Made): Made | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof NotPlannableError) return null;
    throw error;
  }
}

function planQueryField({ lists, rows }: Pick<Plan, "lists" | "rows">, requested: Requested): PlannedField {
  const { key, field } = requested;
  const read = (root: Source) => root[key];
  if (readingOf(field)?.as === "list") return toPlanned(requested, read, planList(lists, key, requested));
  const plan = createRowPlan(field.type);
  const fields = planFields(requested, { rows: plan });
  // Its resolver loads a whole row, but nothing that belongs to it.
  if (plan.joined.size + plan.loaded.size > 0) throw new NotPlannableError();
  rows.set(key, { requested, rows: plan });
  return toPlanned(requested, read, fields);
}

/** What one statement reads for the fields of an object. */
interface Reads {
  /** Of the rows that they give. */
  rows?: RowPlan;
  /** The parts that are requested of a page. */
  readonly parts?: Set<string>;
}

/** The fields that are requested of what a field gives; null for a leaf. Without `reads`, the field gives whole rows. */
function planFields(requested: Requested, reads?: Reads): FieldsOf | null {
  const type = getNamedType(requested.field.type);
  if (isLeafType(type)) return null;
  if (isUnionType(type)) return planUnion(type, requested);
  if (!isObjectType(type)) throw new NotPlannableError();
  const fields = planObject(type, requested, reads);
  return () => fields;
}

/** Plans each type of a union independently: one may have a plan while another has none. */
function planUnion(union: GraphQLUnionType, requested: Requested): FieldsOf {
  const planType = (type: GraphQLObjectType) => ifPlannable(() => planObject(type, requested));
  const byType = new Map(union.getTypes().map((type) => [type.name, planType(type)]));
  // Our unions look at the value only.
  return (value) => byType.get(String(union.resolveType?.(value, {}, {} as GraphQLResolveInfo, union))) ?? null;
}

function planObject(type: GraphQLObjectType, { scope, nodes }: Requested, reads?: Reads): PlannedField[] {
  const selections = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  const rows = tableOf(type) && (reads?.rows ?? createRowPlan(type));
  if (reads && rows) reads.rows = rows;
  const fields = collectFields(scope, type, selections).map((requested) => {
    if (requested.field === TypeNameMetaFieldDef) return { key: requested.key, answer: () => type.name };
    return rows ? planRowField(rows, requested) : planValueField(requested, reads);
  });
  const isWhole = !rows || rows.joined.size + rows.loaded.size + rows.lists.size === 0;
  if (!reads && !isWhole) throw new NotPlannableError();
  return fields;
}

/** A field of an object that is no row: of a page, an event, or a value. Its resolver gives it at once. */
function planValueField(requested: Requested, reads?: Reads): PlannedField {
  const reading = readingOf(requested.field);
  const fields = planFields(requested, reads);
  if (reading?.as === "property") return toPlanned(requested, (source) => source[reading.name], fields);
  if (reading?.as !== "part") return toPlanned(requested, (source, resolve) => resolve(requested, source), fields);
  reads?.parts?.add(reading.name);
  return toPlanned(requested, (page) => (page[reading.name] as () => unknown)(), fields);
}

/** Plans a field of a row, and adds to `rows` what must be read for it. */
function planRowField(rows: RowPlan, requested: Requested): PlannedField {
  const { field, type } = requested;
  if (field.name === "id") return toPlanned(requested, (row) => encodeGlobalId(type.name, String(row.id)), null);
  const reading = readingOf(field);
  // A number: no column has such a name, and PostgreSQL would cut off a client's long alias.
  const at = String(rows.loaded.size + rows.joined.size + rows.lists.size);
  switch (reading?.as) {
    case "property":
      // The id of a row that is not joined: its resolver loads the row.
      if (tableOf(getNamedType(field.type))) throw new NotPlannableError();
      addColumns(rows, [reading.name]);
      return toPlanned(requested, (row) => row[reading.name], planFields(requested));
    case "columns": {
      addColumns(rows, reading.names);
      const view = createView(rows.table, reading.names);
      return toPlanned(requested, (row, resolve) => resolve(requested, view(row)), planFields(requested));
    }
    case "loaded": {
      const [known = at] = [...rows.loaded].find(([, value]) => value === reading.value) ?? [];
      rows.loaded.set(known, reading.value);
      return toPlanned(requested, (row) => row[known], planFields(requested));
    }
    case "joined":
    case "last": {
      const shape = createRowPlan(field.type);
      const join = reading.as === "joined" ? { by: reading.by } : { by: "id", last: listingOf(reading, requested) };
      rows.joined.set(at, { shape, ...join });
      return toPlanned(requested, (row) => joinedRow(row, at), planFields(requested, { rows: shape }));
    }
    case "list":
      return toPlanned(requested, (row) => row[at], planList(rows.lists, at, requested));
    default:
      throw new NotPlannableError();
  }
}

function toPlanned(requested: Requested, read: PlannedField["answer"], fields: FieldsOf | null): PlannedField {
  const complete = createCompleter(requested.field.type, fields);
  return { key: requested.key, answer: (source, resolve) => complete(read(source, resolve), resolve) };
}

/** The fields that are requested of a page. Adds the list to `lists`. */
function planList(lists: Map<string, ListPlan>, at: string, requested: Requested): FieldsOf | null {
  const parts = new Set<string>();
  const reads: Reads = { parts };
  const fields = planFields(requested, reads);
  if (!reads.rows || countJoins(reads.rows) > MAX_JOINS) throw new NotPlannableError();
  lists.set(at, { requested, rows: reads.rows, parts });
  return fields;
}

/** @throws {NotPlannableError} for a type that is not a single row of a table. */
function createRowPlan(given: GraphQLOutputType): RowPlan {
  const type = getNullableType(given);
  const table = isObjectType(type) && tableOf(type);
  if (!table) throw new NotPlannableError();
  return { table, columns: new Set(), loaded: new Map(), joined: new Map(), lists: new Map() };
}

function listingOf(reading: Reading & { as: "last" }, { field, nodes: [node] }: Requested) {
  // With a variable, the statement would not be the same for each call.
  const isConstant = node.arguments?.every(({ value }) => value.kind === Kind.ENUM || value.kind === Kind.NULL) ?? true;
  if (!isConstant) throw new NotPlannableError();
  return reading.listingOf(getArgumentValues(field, node) as never);
}

function addColumns({ table, columns }: RowPlan, names: readonly string[]): void {
  if (!names.every((name) => name in columnsOf(table))) throw new NotPlannableError();
  for (const name of names) columns.add(name);
}

/** Makes the objects that resolvers are given for rows: with these columns, and a `Date` for an instant. */
function createView(table: Table, names: readonly string[]): (row: Source) => Source {
  const columns = names.map((name) => ({ name, isDate: isInstant(table, name) }));
  return (row) => {
    const view: Record<string, unknown> = {};
    for (const { name, isDate } of columns) {
      const value = row[name];
      view[name] = isDate && typeof value === "string" ? new Date(value) : value;
    }
    return view;
  };
}
