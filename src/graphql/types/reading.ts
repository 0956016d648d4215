/**
 * How fields are read, stated once where a field is declared: its resolver and the plans (`plan/`) both follow from that.
 *
 * A plan answers the fields that state it, and leaves a query with any other field of a row to the executor. A field made by
 * `t.expose...` states it already: it is a property of its object, which for a row is a column.
 */
import type { ObjectFieldBuilder } from "@pothos/core";
import type { GraphQLField, GraphQLNamedType } from "graphql";
import type { Listing } from "../../db/queries/admin/paging.ts";
import type { LoadedValue, Table } from "../../db/queries/admin/shapes.ts";
import type { builder } from "../builder.ts";
import type { AdminContext } from "../context.ts";
import { expectedPageSize, loadLast, type Page, type PageArguments, type PageParts } from "../lists/page.ts";

/** How a field is read. */
export type Reading =
  /** It is a property of its object: of a row, a column. */
  | { readonly as: "property"; readonly name: string }
  /** Its resolver needs these columns of its row, and nothing else. */
  | { readonly as: "columns"; readonly names: readonly string[] }
  /** A value that rows are read without. Its resolver loads it. */
  | { readonly as: "loaded"; readonly value: LoadedValue }
  /** The row whose id is in a column. */
  | { readonly as: "joined"; readonly by: string }
  /** The last row of a list that belongs to its row. */
  | { readonly as: "last"; readonly listingOf: (args: never) => ChildListing<unknown> }
  /** A list: its resolver gives a `Page` at once. */
  | { readonly as: "list" }
  /** A part of a page. */
  | { readonly as: "part"; readonly name: keyof PageParts<unknown> };

/** How a field states that it is read; null if it states nothing. */
export function readingOf({ extensions }: GraphQLField<unknown, unknown>): Reading | null {
  // Pothos records the property that `t.expose...` was given.
  const { reading, isJoined, pothosExposedField: exposed } = extensions as FieldExtensions;
  if (reading || exposed === undefined) return reading ?? null;
  return isJoined ? { as: "joined", by: exposed } : { as: "property", name: exposed };
}

/** The table that has the rows of a type: see `nodes.ts`. */
export function tableOf({ extensions }: GraphQLNamedType): Table | undefined {
  return extensions.table as Table | undefined;
}

interface FieldExtensions {
  readonly reading?: Reading;
  readonly isJoined?: boolean;
  readonly pothosExposedField?: string;
}

type ChildListing<Row> = Listing<Row> & Required<Pick<Listing<Row>, "parent">>;
type FieldsOf<Row> = ObjectFieldBuilder<(typeof builder)["$inferSchemaTypes"], Row>;

/** What reading a list costs in addition to its rows: one statement. */
const LIST_COST = 5;

/** Makes fields that are derived from these columns of a row. Their resolvers know no other column. */
export function fromColumns<Row, Name extends string & keyof Row>(
  t: FieldsOf<Row>,
  ...names: Name[]
): FieldsOf<Pick<Row, Name>> {
  // Each method of `t` makes its field by this protected method of Pothos (test: `loud` in `declared-fields.test.ts`).
  const { createField } = t as unknown as { createField: (options: object) => unknown };
  return Object.assign(Object.create(t), {
    createField: (options: object) => createField.call(t, { ...options, ...reading({ as: "columns", names }) }),
  });
}

/**
 * Joins the row whose id is exposed. Only for rows that are always in the same environment (`db/queries/admin/environments.ts`)
 * as the row that refers to them: a plan does not check it again.
 */
export const joined = { extensions: { isJoined: true } };

/** The last row of a list that belongs to the row, by the key of the list. It must be in the same environment, as for `joined`. */
export function lastOf<Args, Row>(listingOf: (args: Args) => ChildListing<Row>) {
  return {
    ...reading({ as: "last", listingOf }),
    resolve: ({ id }: WithId, args: Args, context: AdminContext) => loadLast(context, listingOf(args), id),
  };
}

/** A value that rows are read without. `load` gives it to the executor, for many rows by one statement. */
export function loaded<Value>(value: LoadedValue, load: (context: AdminContext, id: string) => Promise<Value>) {
  return {
    ...reading({ as: "loaded", value }),
    resolve: ({ id }: WithId, _: unknown, context: AdminContext) => load(context, id),
  };
}

/** A list over all rows. */
export function list<Args extends PageArguments, Row>(open: (context: AdminContext, args: Args) => Page<Row>) {
  return {
    ...reading({ as: "list" }),
    complexity: listCost,
    resolve: (_: unknown, args: Args, context: AdminContext) => open(context, args),
  };
}

/** A list that belongs to a row. Apart from the id, it must not depend on the row. */
export function listOfRow<Args extends PageArguments, Row>(
  open: (context: AdminContext, id: string, args: Args) => Page<Row>,
) {
  return {
    ...reading({ as: "list" }),
    complexity: listCost,
    resolve: ({ id }: WithId, args: Args, context: AdminContext) => open(context, id, args),
  };
}

/** A part of the page that is the field's object. */
export function pagePart<Row, Name extends keyof PageParts<Row>>(name: Name) {
  return {
    ...reading({ as: "part", name }),
    resolve: (page: PageParts<Row>) => page[name]() as ReturnType<PageParts<Row>[Name]>,
  };
}

interface WithId {
  readonly id: string;
}

function reading(how: Reading): { readonly extensions: { readonly reading: Reading } } {
  return { extensions: { reading: how } };
}

/** The price of a list: the price of a row times the rows of a page. */
function listCost(args: PageArguments): { field: number; multiplier: number } {
  return { field: LIST_COST, multiplier: expectedPageSize(args) };
}
