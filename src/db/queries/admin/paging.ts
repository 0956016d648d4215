/**
 * Pages of the admins' lists: rows between two keys, counts, and whether rows lie outside a page.
 *
 * A list is read by a row-value comparison, `(a, b) < (x, y)`, on an index that fits its order, so that a page costs the
 * same at any depth. Each function takes many parents (for example the threads of a page) and runs one statement for all of
 * them. A list without a parent uses the same statement with a single parent that restricts nothing. It knows no GraphQL.
 *
 * A condition that few rows may meet (`Listing.rare`) is read in two steps. First a bounded number of rows is scanned in the
 * order of the list: where many rows match, they fill the page at once. Where they do not, few rows match, and an index on
 * the condition finds all of them sooner than a longer scan would; they are then sorted. PostgreSQL alone chooses one of the
 * two by the expected number of matches, as if they were spread evenly. A word that was used only last year, or two words
 * that seldom occur together, then took 6 s in 2,000,000 messages.
 */
import { and, eq, getColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import {
  compareKey,
  computedKey,
  fixedLimit,
  type Key,
  keyColumns,
  keyText,
  orderByKey,
  orderInPage,
} from "./keyset.ts";
import { joinShape, pageColumns, type Shape } from "./shapes.ts";

/** A count stops here: 25,001 means "more than 25,000". */
const COUNT_CAP = 25_001;

/** A list of rows: from which table, under which conditions, and ordered by which unique key. */
export type Listing<Row> = Source & {
  readonly table: PgTable & { readonly $inferSelect: Partial<Row> };
  readonly columns?: { readonly [Name in keyof Row]: Selected };
};

type Selected = AnyPgColumn | SQL.Aliased;

/** A list with rows of any type. */
export type Source = {
  /** Names the list and its order: a cursor that was made for one name is not valid for another. */
  readonly name: string;
  readonly table: PgTable;
  /** What is read of a row; all columns by default. */
  readonly columns?: Readonly<Record<string, Selected>>;
  /** What `where` and `rare` were made from: lists with the same name and the same filter have the same rows. */
  readonly filter: object;
  readonly where: SQL | undefined;
  /** Must hold too. It is read in two steps only in a list without a parent: one parent has few rows. */
  readonly rare?: RareCondition | undefined;
  readonly key: Key;
  /**
   * Whether the index of the order fits every value of the parameters. PostgreSQL then plans the statement once, which saves
   * half a millisecond per call. For any other list the best plan depends on the values.
   */
  readonly isSteady?: boolean;
  /** The column that holds the parent's id, if the list has a parent. */
  readonly parent?: AnyPgColumn;
};

/** A condition that may match few rows, or none over a long range. */
export type RareCondition = {
  readonly where: SQL;
  /** The same condition for the scan, if it is cheaper without a lookup in an index for each row; `where` by default. */
  readonly whereScanning?: SQL | undefined;
  /** How many rows to scan in the order of the list before the condition's own index is used. */
  readonly rowsToScan: number;
};

/** A part of a list: between two keys, counted from its start or (`backward`) from its end. */
export type Window = {
  readonly descending: boolean;
  readonly backward: boolean;
  readonly limit: number;
  /** Values of the key, as in `Keyed.rowKey`. The window begins after the row with `after` and ends before the one with `before`. */
  readonly after?: readonly string[];
  readonly before?: readonly string[];
};

/** A row with its key: the values as text, separated by a space. `parentId` is null in a list without a parent. */
export type Keyed<Row> = Row & { readonly rowKey: string; readonly parentId: string | null };

/** The ids of the parents whose lists are read; undefined for a list without a parent. */
export type Parents = readonly string[] | undefined;

/** At most `limit` rows of the window for each parent, in reading order: from the end if it is `backward`. */
export async function findRows<Row>(
  db: Db,
  listing: Listing<Row>,
  window: Window,
  parents: Parents,
): Promise<Keyed<Row>[]> {
  // The fields of `columns`, or of the table: both are those of a row.
  return (await findInSteps(db, listing, rangeOf(listing, window), parents)) as Keyed<Row>[];
}

/** A list, and what is read of its rows instead of the list's own columns. */
export type ShapedSource = Source & { readonly shape: Shape };

/** Like `findRows`, with the values and joined rows of a shape. */
export async function findShapedRows(
  db: Db,
  source: ShapedSource,
  window: Window,
  parents: Parents,
): Promise<Keyed<Record<string, unknown>>[]> {
  return (await findInSteps(db, source, rangeOf(source, window), parents)) as Keyed<Record<string, unknown>>[];
}

/** How many rows the list of each parent has, in the order of the parents; at most `COUNT_CAP`. */
export async function countRows(db: Db, listing: Source, parents: Parents): Promise<number[]> {
  const counted = db
    .select({ one: sql`1`.as("one") })
    .from(listing.table)
    .where(and(ofParent(listing), listing.where, listing.rare?.where))
    .limit(COUNT_CAP);
  const rows = await db
    .select({ count: sql<number>`(select count(*)::integer from ${counted.as("counted")})` })
    .from(parentRows(parents))
    .orderBy(sql`parent.place`);
  return rows.map((row) => row.count);
}

/** For each parent, in their order, whether rows lie outside the window: up to and at `after`, or from `before` on. */
export async function hasRowsOutside(
  db: Db,
  listing: Source,
  { edge, window }: { readonly edge: "after" | "before"; readonly window: Window },
  parents: Parents,
): Promise<boolean[]> {
  const key = window[edge];
  const requested = parents ?? [null];
  if (key === undefined) return requested.map(() => false);
  const isAbove = (edge === "after") === window.descending;
  // Away from the key, and including it: the row of the cursor usually still exists, and is the first one found.
  const nearest = { where: compareKey(listing.key, isAbove ? ">=" : "<=", key), descending: !isAbove, limit: 1 };
  const found = await findInSteps(db, { ...listing, columns: keyColumns(listing.key) }, nearest, parents);
  const withRows = new Set(found.map((row) => row.parentId));
  return requested.map((parent) => withRows.has(parent));
}

/** The first rows of each parent in an order, from one side of a list. */
type Range = { readonly where: SQL | undefined; readonly descending: boolean; readonly limit: number };

function rangeOf({ key }: Source, { after, before, descending, backward, limit }: Window): Range {
  const where = and(
    after && compareKey(key, descending ? "<" : ">", after),
    before && compareKey(key, descending ? ">" : "<", before),
  );
  return { where, descending: descending !== backward, limit };
}

async function findInSteps(db: Db, source: Source | ShapedSource, range: Range, parents: Parents) {
  const { rare } = source;
  const read = (from: Choice["from"], where: SQL | undefined) => readRows(db, source, range, { from, where, parents });
  const dense = and(ofParent(source), source.where, range.where);
  if (parents !== undefined || rare === undefined) return read(source.table, and(dense, rare?.where));
  const scanned = firstRows(db, source, { ...range, limit: rare.rowsToScan }, dense);
  const rows = await read(scanned, rare.whereScanning ?? rare.where);
  if (rows.length === range.limit) return rows;
  return read(allRows(db, source, range, and(dense, rare.where)), undefined);
}

/** Where the rows of a page come from. */
type Choice = {
  readonly from: PgTable | ReturnType<typeof allRows>;
  readonly where: SQL | undefined;
  readonly parents: Parents;
};

function readRows(db: Db, source: Source | ShapedSource, range: Range, { from, where, parents }: Choice) {
  const { key, table } = source;
  const shape = "shape" in source ? source.shape : undefined;
  const columns = shape ? pageColumns(shape, key) : (source.columns ?? getColumns<PgTable>(table));
  const page = db
    .select({ ...columns, ...computedKey(key), rowKey: keyText(key).as("row_key") })
    .from(from)
    .where(where)
    .orderBy(...orderByKey(key, range.descending))
    .limit(limitOf(source, range))
    .as("page");
  const { selectedFields } = page._;
  const { selection = selectedFields, laterals = [] } = shape ? joinShape(db, shape, selectedFields) : {};
  const query = db
    .select({ ...selection, rowKey: selectedFields.rowKey, parentId: sql<string | null>`parent.id` })
    .from(parentRows(parents))
    .crossJoinLateral(page)
    .$dynamic();
  for (const lateral of laterals) query.leftJoinLateral(lateral, sql`true`);
  return query.orderBy(sql`parent.place`, ...orderInPage(key, range.descending));
}

function limitOf({ isSteady, rare, parent }: Source, { limit }: Range): number {
  return isSteady && !rare && !parent ? fixedLimit(limit) : limit;
}

/** The first rows of a range, whether or not they meet the rare condition, under the name of their table. */
function firstRows(db: Db, { table, key }: Source, { descending, limit }: Range, where: SQL | undefined) {
  return selectAll(db, table, where)
    .orderBy(...orderByKey(key, descending))
    .limit(limit)
    .as(getTableName(table));
}

/** All rows that meet a condition, under the name of their table. */
function allRows(db: Db, { table, key }: Source, { descending }: Range, where: SQL | undefined) {
  // Ordered here, without the limit: PostgreSQL must plan to find all of them, not to meet the first ones on a scan.
  return selectAll(db, table, where)
    .orderBy(...orderByKey(key, descending))
    .as(getTableName(table));
}

function selectAll(db: Db, table: PgTable, where: SQL | undefined) {
  return db.select({ all: sql`*` }).from(table).where(where);
}

function parentRows(parents: Parents): SQL {
  if (parents === undefined) return sql`(values (null::uuid, 1)) as parent(id, place)`;
  return sql`unnest(${uuidArray(parents)}) with ordinality as parent(id, place)`;
}

function ofParent({ parent }: Source): SQL | undefined {
  return parent && eq(parent, sql`parent.id`);
}
