/**
 * One page of a list, as the resolvers of a connection use it.
 *
 * `openPage` reads nothing until a field asks for it, and reads the pages of many parents by one statement. A plan makes the
 * same page from rows that it has read already (`createPage`).
 */
import { completeValue, type MaybePromise } from "@pothos/core";
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
import { type AdminContext, inOrderOf, type LoadMany } from "../context.ts";
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
  /** The row to which the list belongs; left out if the listing has no parent. */
  readonly parentId?: string;
}

export interface Edge<Row> {
  readonly cursor: string;
  readonly node: Row;
}

/** The parts of a page, each read when its function is called. */
export interface PageParts<Row> {
  nodes(): MaybePromise<Row[]>;
  edges(): MaybePromise<Edge<Row>[]>;
  startCursor(): MaybePromise<string | null>;
  endCursor(): MaybePromise<string | null>;
  hasNextPage(): MaybePromise<boolean>;
  hasPreviousPage(): MaybePromise<boolean>;
  /** Stops at 25,001. */
  totalCount(): MaybePromise<number>;
}

export type Page<Row> = PageParts<Row> & {
  /** Which rows it reads. A plan reads them itself, together with what is joined to them. */
  readonly source: PageSource;
};

export interface PageSource {
  readonly listing: Source;
  readonly window: Window;
  /** The scope of its cursors. */
  readonly scope: CursorScope;
}

/** What a page is made of. */
export interface PageReads<Row> {
  /** In reading order, and one more than the window's limit if the list continues. */
  rows(): MaybePromise<readonly Keyed<Row>[]>;
  /** Whether rows lie outside the window: see `hasRowsOutside`. */
  hasOutside(edge: "after" | "before"): MaybePromise<boolean>;
  count(): MaybePromise<number>;
}

export function createPage<Row>(source: PageSource, reads: PageReads<Row>): Page<Row> {
  const { scope, window } = source;
  const cursorOf = (row: Keyed<Row> | undefined) => (row ? encodeCursor(scope, row.rowKey) : null);
  const nodes = () =>
    completeValue(reads.rows(), (rows) => {
      const inWindow = rows.slice(0, window.limit);
      return window.backward ? inWindow.reverse() : inWindow;
    });
  const continues = () => completeValue(reads.rows(), (rows) => rows.length > window.limit);
  const hasMore = (isReadingSide: boolean, edge: "after" | "before") =>
    completeValue(isReadingSide && continues(), (is) => is || reads.hasOutside(edge));
  return {
    source,
    nodes,
    edges: () => completeValue(nodes(), (rows) => rows.map((node) => ({ cursor: cursorOf(node) ?? "", node }))),
    startCursor: () => completeValue(nodes(), (rows) => cursorOf(rows.at(0))),
    endCursor: () => completeValue(nodes(), (rows) => cursorOf(rows.at(-1))),
    hasNextPage: () => hasMore(!window.backward, "before"),
    hasPreviousPage: () => hasMore(window.backward, "after"),
    totalCount: () => reads.count(),
  };
}

/** @throws {BadInputError} for a page size out of bounds, for `first` with `last`, and for a cursor of another list. */
export function openPage<Row>(context: AdminContext, request: PageRequest<Row>): Page<Row> {
  const { listing, parentId = null, descending, args } = request;
  refuseNul(listing.filter);
  const scope = { listing, descending, parentId };
  const window = readWindow(scope, args);
  const read = <Value>(what: string, loadMany: (parents: Parents) => Promise<readonly Value[]>) =>
    context.load(loaderName(what, request), parentId ?? "", ofParents(parentId, loadMany));
  const pageWithOneMore = { ...window, limit: window.limit + 1 };
  return createPage<Row>(
    { listing, window, scope },
    {
      rows: () =>
        read("rows", async (parents) =>
          groupByParent(parents, await findRows(context.db, listing, pageWithOneMore, parents)),
        ),
      hasOutside: (edge) =>
        window[edge] !== undefined &&
        read(edge, (parents) => hasRowsOutside(context.db, listing, { edge, window }, parents)),
      count: () => read("count", (parents) => countRows(context.db, listing, parents)),
    },
  );
}

const LAST_ROW: Window = { descending: true, backward: false, limit: 1 };

/** The last row of a parent's list; null if it is empty. One statement reads those of all parents in the operation. */
export function loadLast<Row>(context: AdminContext, listing: Listing<Row>, parentId: string): Promise<Row | null> {
  const name = JSON.stringify(["last", listing.name, listing.filter]);
  return context.load<Row | null>(name, parentId, async (parentIds) => {
    const rows = await findRows(context.db, listing, LAST_ROW, parentIds);
    return inOrderOf(parentIds, rows, (row) => row.parentId ?? "", null);
  });
}

/** How many rows a page may have, to estimate the cost of a query: always within the bounds. */
export function expectedPageSize({ first, last }: PageArguments): number {
  return Math.min(Math.max(first ?? last ?? DEFAULT_PAGE_SIZE, 0), MAX_PAGE_SIZE);
}

/** PostgreSQL stores no U+0000 in a text, and answers such a parameter with an error of its own. */
function refuseNul(filter: object): void {
  const hasNul = Object.values(filter).some((value) => typeof value === "string" && value.includes("\0"));
  if (hasNul) throw new BadInputError("A text must not contain the character U+0000");
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

/** Parents share a statement if they ask for the same part of the same list with the same filter. */
function loaderName<Row>(what: string, { listing, descending, args, parentId }: PageRequest<Row>): string {
  // A cursor names its parent, so that no two parents are ever given the same one.
  return JSON.stringify([what, listing.name, listing.filter, descending, args, parentId === undefined]);
}

function ofParents<Value>(
  parentId: string | null,
  loadMany: (parents: Parents) => Promise<readonly Value[]>,
): LoadMany<Value> {
  return (keys) => loadMany(parentId === null ? undefined : keys);
}

function groupByParent<Row>(parents: Parents, rows: readonly Keyed<Row>[]): Keyed<Row>[][] {
  const groups = Map.groupBy(rows, (row) => row.parentId);
  return (parents ?? [null]).map((parent) => groups.get(parent) ?? []);
}
