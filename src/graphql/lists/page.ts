/**
 * One page of a list, as the resolvers of a connection see it: nothing is read before a field asks for it, and the pages
 * of many parents are read by one statement.
 */
import {
  countRows,
  findRows,
  hasRowsOutside,
  type Keyed,
  type Listing,
  type Parents,
  type Source,
  type Window,
} from "../../db/queries/admin/paging.ts";
import { BadInputError } from "../../errors.ts";
import type { AdminContext, LoadMany } from "../context.ts";
import { type CursorScope, decodeCursor, encodeCursor } from "./cursors.ts";

export const DEFAULT_PAGE_SIZE = 20;
export const MAX_PAGE_SIZE = 100;

/** The arguments of every list. */
export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface PageRequest<Row> {
  readonly listing: Listing<Row>;
  readonly descending: boolean;
  readonly args: PageArguments;
  /** Whose list; left out where the listing has no parent. */
  readonly parentId?: string;
}

export interface Edge<Row> {
  readonly cursor: string;
  readonly node: Row;
}

/** Each function reads when it is called. `totalCount` stops at 25,001. */
export interface Page<Row> {
  edges(): Promise<Edge<Row>[]>;
  hasNextPage(): Promise<boolean>;
  hasPreviousPage(): Promise<boolean>;
  totalCount(): Promise<number>;
  /** What it would read: for who reads it together with other things (`plan/`). */
  readonly source: PageSource;
}

export interface PageSource {
  readonly listing: Source;
  readonly window: Window;
  /** What its cursors are good for. */
  readonly scope: CursorScope;
}

/** @throws {BadInputError} for a page size out of bounds, for `first` with `last`, for a cursor from elsewhere. */
export function openPage<Row>(context: AdminContext, request: PageRequest<Row>): Page<Row> {
  const { listing, parentId = null, descending, args } = request;
  refuseNul(listing.filter);
  const scope = { listing, descending, parentId };
  const window = readWindow(scope, args);
  const read = <Value>(what: string, loadMany: (parents: Parents) => Promise<readonly Value[]>) =>
    context.load(loaderName(what, request), parentId ?? "", ofParents(parentId, loadMany));

  // One row more than asked for tells whether the list goes on.
  const readRows = () =>
    read("rows", async (parents) =>
      byParent(parents, await findRows(context.db, listing, { ...window, limit: window.limit + 1 }, parents)),
    );
  const hasMore = async () => (await readRows()).length > window.limit;
  const hasOutside = (edge: "after" | "before") =>
    window[edge] === undefined
      ? Promise.resolve(false)
      : read(edge, (parents) => hasRowsOutside(context.db, listing, { edge, window }, parents));

  return {
    edges: async () => toEdges(scope, window, await readRows()),
    hasNextPage: async () => (!window.backward && (await hasMore())) || hasOutside("before"),
    hasPreviousPage: async () => (window.backward && (await hasMore())) || hasOutside("after"),
    source: { listing, window, scope },
    totalCount: () => read("count", (parents) => countRows(context.db, listing, parents)),
  };
}

/** How many rows a page may have, for the estimate of a query's cost: never out of bounds. */
export function expectedPageSize({ first, last }: PageArguments): number {
  return Math.min(Math.max(first ?? last ?? DEFAULT_PAGE_SIZE, 0), MAX_PAGE_SIZE);
}

/** Postgres keeps no U+0000 in a text, and answers such a parameter with an error of its own. */
function refuseNul(filter: object): void {
  const hasNul = Object.values(filter).some((value) => typeof value === "string" && value.includes("\0"));
  if (hasNul) throw new BadInputError("No text holds the character U+0000");
}

function readWindow(scope: CursorScope, { first, after, last, before }: PageArguments): Window {
  if (first != null && last != null) throw new BadInputError("Give 'first' or 'last', not both");
  const limit = first ?? last ?? DEFAULT_PAGE_SIZE;
  if (limit < 1 || limit > MAX_PAGE_SIZE) {
    throw new BadInputError(`'${first == null ? "last" : "first"}' must be from 1 to ${MAX_PAGE_SIZE}`);
  }
  return {
    descending: scope.descending,
    backward: last != null,
    limit,
    ...(after != null && { after: decodeCursor(scope, after, "after") }),
    ...(before != null && { before: decodeCursor(scope, before, "before") }),
  };
}

function toEdges<Row>(scope: CursorScope, window: Window, rows: readonly Keyed<Row>[]): Edge<Row>[] {
  const edges = rows
    .slice(0, window.limit)
    .map((row) => ({ cursor: encodeCursor(scope, row.rowKey), node: row as Row }));
  return window.backward ? edges.reverse() : edges;
}

/** Parents share a statement when they ask for the same part of the same list with the same filter. */
function loaderName<Row>(what: string, { listing, descending, args, parentId }: PageRequest<Row>): string {
  // A cursor names its parent, so that two parents never come here with the same one.
  return JSON.stringify([what, listing.name, listing.filter, descending, args, parentId === undefined]);
}

function ofParents<Value>(
  parentId: string | null,
  loadMany: (parents: Parents) => Promise<readonly Value[]>,
): LoadMany<Value> {
  return (keys) => loadMany(parentId === null ? undefined : keys);
}

function byParent<Row>(parents: Parents, rows: readonly Keyed<Row>[]): Keyed<Row>[][] {
  const groups = Map.groupBy(rows, (row) => row.parentId);
  return (parents ?? [null]).map((parent) => groups.get(parent) ?? []);
}
