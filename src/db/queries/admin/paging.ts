/**
 * Pages of the admins' lists: keysets, counts, and whether there is more on the other side.
 *
 * A list is read by a row-value comparison, `(a, b) < (x, y)`, on an index that fits its order, so that a page costs the
 * same at any depth. Each function takes many parents (the threads of a page, say) and runs one statement for all of
 * them; a list without a parent is the same statement with one parent that restricts nothing. It knows no GraphQL.
 *
 * What few rows may meet (`Listing.rare`) is read in two steps. First a bounded walk along the order: where such rows are
 * many it fills the page at once. Where it does not they are few, and an index on what is asked for finds all of them sooner
 * than the walk would go on; they are then sorted. Left to itself Postgres chooses one of the two by how many rows it expects
 * in all, as if they were spread evenly: a word of last year's, or two words that seldom meet, took 6 s in 2,000,000 messages.
 */
import { and, eq, getColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { compareKey, computedKey, type Key, keyColumns, keyText, orderByKey, orderInPage } from "./keyset.ts";
import { joinShape, pageColumns, readShaped, type Shape, type ShapedRow } from "./shapes.ts";

/** A count stops here: 25,001 means "more than 25,000". */
const COUNT_CAP = 25_001;

/** A list of rows: where from, which of them, and by which unique key they are ordered. */
export type Listing<Row> = Source & {
  readonly table: PgTable & { readonly $inferSelect: Partial<Row> };
  readonly columns?: { readonly [Name in keyof Row]: Selected };
};

type Selected = AnyPgColumn | SQL.Aliased;

/** A list, whatever its rows are. */
export type Source = {
  /** Names the list and its order: a cursor made for one name is not valid for another. */
  readonly name: string;
  readonly table: PgTable;
  /** What is read of a row; the whole of it when left out. */
  readonly columns?: Readonly<Record<string, Selected>>;
  /** What `where` and `rare` were made of: lists with the same name and the same filter hold the same rows. */
  readonly filter: object;
  readonly where: SQL | undefined;
  /** Must hold as well. Heeded in steps in a list without a parent only: one parent's rows are few. */
  readonly rare?: RareCondition | undefined;
  readonly key: Key;
  /**
   * Whether the index of the order serves it whatever the values are. Postgres then plans once for all of them, which saves
   * half a millisecond each time; of any other list the best plan depends on what is asked.
   */
  readonly isSteady?: boolean;
  /** The column that holds the parent's id, where the list belongs to one. */
  readonly parent?: AnyPgColumn;
  /** What is joined to the rows. */
  readonly shape?: Shape;
};

/** A condition that perhaps few rows meet, or none for a long stretch. */
export type RareCondition = {
  readonly where: SQL;
  /** The same for one row after the other, where Postgres would better not ask the index for each; `where` when left out. */
  readonly whereWalking?: SQL | undefined;
  /** How many rows to walk through in the order of the list before its own index is asked. */
  readonly walkRows: number;
};

/** Which part of a list: between two keys, counted from its start, or (`backward`) from its end. */
export type Window = {
  readonly descending: boolean;
  readonly backward: boolean;
  readonly limit: number;
  /** The values of the key, as in `Keyed.rowKey`; the rows after it, and those before it, are meant without it. */
  readonly after?: readonly string[];
  readonly before?: readonly string[];
};

/** A row with its key: the values as text, with a space between them. `parentId` is null in a list without a parent. */
export type Keyed<Row> = Row & { readonly rowKey: string; readonly parentId: string | null };

/** The ids of the parents whose lists are read; undefined for a list without a parent. */
export type Parents = readonly string[] | undefined;

/** For each parent at most `limit` rows of the window, in the order of reading: from the end when it is `backward`. */
export async function findRows<Row>(
  db: Db,
  listing: Listing<Row>,
  window: Window,
  parents: Parents,
): Promise<Keyed<Row>[]> {
  const falling = window.descending !== window.backward;
  const stretch = { where: inside(listing.key, window), falling, limit: window.limit };
  // The fields of `columns`, or of the table: both are those of a row.
  return (await findInSteps(db, listing, stretch, parents)) as Keyed<Row>[];
}

/** As `findRows`, with what a shape wants of the rows instead of what the listing says. */
export async function findShapedRows(
  db: Db,
  listing: Source,
  window: Window,
  parents: Parents,
  shape: Shape,
): Promise<Keyed<ShapedRow>[]> {
  const falling = window.descending !== window.backward;
  const stretch = { where: inside(listing.key, window), falling, limit: window.limit };
  const source = { ...listing, columns: pageColumns(shape, listing.key), shape };
  const flat = (await findInSteps(db, source, stretch, parents)) as Keyed<ShapedRow>[];
  return flat.map((row) => ({ ...readShaped(shape, row), rowKey: row.rowKey, parentId: row.parentId }));
}

/** For each parent, in their order, how many rows its list has; no more than `COUNT_CAP`. */
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

/** For each parent, in their order, whether rows lie outside the window: at `after` or in front, or at `before` or behind. */
export async function hasRowsOutside(
  db: Db,
  listing: Source,
  side: { readonly edge: "after" | "before"; readonly window: Window },
  parents: Parents,
): Promise<boolean[]> {
  const key = side.window[side.edge];
  const asked = parents ?? [null];
  if (key === undefined) return asked.map(() => false);
  const isAbove = (side.edge === "after") === side.window.descending;
  // Away from the key: the row that it was made of is mostly there still, and the first to be met.
  const nearest = { where: compareKey(listing.key, isAbove ? ">=" : "<=", key), falling: !isAbove, limit: 1 };
  const found = await findInSteps(db, { ...listing, columns: keyColumns(listing.key) }, nearest, parents);
  const withRows = new Set(found.map((row) => row.parentId));
  return asked.map((parent) => withRows.has(parent));
}

/** Rows of each parent, the first ones in an order, from one side of a list. */
type Stretch = { readonly where: SQL | undefined; readonly falling: boolean; readonly limit: number };

async function findInSteps(db: Db, source: Source, stretch: Stretch, parents: Parents) {
  const { rare } = source;
  const dense = and(ofParent(source), source.where, stretch.where);
  if (parents !== undefined || rare === undefined) {
    return readRows(db, source, stretch, parents, { from: source.table, where: and(dense, rare?.where) });
  }
  const walked = walkedRows(db, source, stretch, dense, rare.walkRows);
  const rows = await readRows(db, source, stretch, parents, { from: walked, where: rare.whereWalking ?? rare.where });
  if (rows.length === stretch.limit) return rows;
  return readRows(db, source, stretch, parents, {
    from: allRows(db, source, stretch, and(dense, rare.where)),
    where: undefined,
  });
}

/** Where the rows of a page are taken from. */
type Choice = { readonly from: PgTable | ReturnType<typeof allRows>; readonly where: SQL | undefined };

function readRows(db: Db, source: Source, stretch: Stretch, parents: Parents, choice: Choice) {
  const { key, table, columns, shape } = source;
  const page = db
    .select({ ...(columns ?? getColumns<PgTable>(table)), ...computedKey(key), rowKey: keyText(key).as("row_key") })
    .from(choice.from)
    .where(choice.where)
    .orderBy(...orderByKey(key, stretch.falling))
    .limit(limitOf(source, stretch))
    .as("page");
  const joined = shape && joinShape(db, shape, page._.selectedFields);
  const fields = joined ? { ...joined.fields, rowKey: page._.selectedFields.rowKey } : page._.selectedFields;
  const query = db
    .select({ ...fields, parentId: sql<string | null>`parent.id` })
    .from(parentRows(parents))
    .crossJoinLateral(page)
    .$dynamic();
  for (const join of joined?.joins ?? []) {
    if ("lateral" in join) query.leftJoinLateral(join.lateral, sql`true`);
    else query.leftJoin(join.table, join.on);
  }
  return query.orderBy(sql`parent.place`, ...orderInPage(key, stretch.falling));
}

/**
 * A limit that is a parameter may be any for a plan made once, and Postgres takes a tenth of the table: it then deems it better
 * to plan anew each time. So where one plan will do, the limit stands in the statement.
 */
function limitOf({ isSteady, rare, parent }: Source, { limit }: Stretch): number {
  // Drizzle's type knows numbers and placeholders only; what it builds takes any SQL.
  return isSteady && !rare && !parent ? (sql.raw(String(Math.trunc(limit))) as unknown as number) : limit;
}

/** The first rows of a stretch, whether they meet the rare condition or not, under the name of their table. */
function walkedRows(db: Db, { table, key }: Source, { falling }: Stretch, where: SQL | undefined, walkRows: number) {
  return selectAll(db, table, where)
    .orderBy(...orderByKey(key, falling))
    .limit(walkRows)
    .as(getTableName(table));
}

/** All rows that meet a condition, under the name of their table. */
function allRows(db: Db, { table, key }: Source, { falling }: Stretch, where: SQL | undefined) {
  // Ordered here, without the limit: Postgres is to plan for finding all of them, not for meeting the first ones on a walk.
  return selectAll(db, table, where)
    .orderBy(...orderByKey(key, falling))
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

function inside(key: Key, { after, before, descending }: Window): SQL | undefined {
  return and(
    after && compareKey(key, descending ? "<" : ">", after),
    before && compareKey(key, descending ? ">" : "<", before),
  );
}
