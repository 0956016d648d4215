/**
 * Pages of the admins' lists: keysets, counts, and whether there is more on the other side.
 *
 * A list is read by a row-value comparison, `(a, b) < (x, y)`, on an index that fits its order, so that a page costs the
 * same at any depth. Each function takes many parents (the threads of a page, say) and runs one statement for all of
 * them; a list without a parent is the same statement with one parent that restricts nothing. It knows no GraphQL.
 */
import { and, eq, getColumns, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import type { Db } from "../client.ts";
import { uuidArray } from "../uuid-array.ts";

/** A count stops here: 25,001 means "more than 25,000". */
const COUNT_CAP = 25_001;

/** How a value of a key travels in a cursor. An instant is in microseconds since 1970: a `Date` would lose three digits. */
export type KeyKind = "instant" | "integer" | "uuid";

type KeyColumn = { readonly column: AnyPgColumn; readonly kind: KeyKind };

/** A list of rows: where from, which of them, and by which unique key they are ordered. */
export type Listing<Row> = {
  /** Names the list and its order: a cursor made for one name is not valid for another. */
  readonly name: string;
  readonly table: PgTable & { readonly $inferSelect: Row };
  /** What `where` was made of: lists with the same name and the same filter hold the same rows. */
  readonly filter: object;
  readonly where: SQL | undefined;
  readonly key: readonly KeyColumn[];
  /** The column that holds the parent's id, where the list belongs to one. */
  readonly parent?: AnyPgColumn;
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
  const page = db
    .select({ ...getColumns<PgTable>(listing.table), rowKey: keyText(listing.key).as("row_key") })
    .from(listing.table as PgTable)
    .where(and(ofParent(listing), listing.where, inside(listing.key, window)))
    .orderBy(...orderOf(listing.key, falling))
    .limit(window.limit)
    .as("page");
  const rows = await db
    .select({ ...page._.selectedFields, parentId: sql<string | null>`parent.id` })
    .from(parentRows(parents))
    .crossJoinLateral(page)
    .orderBy(sql`parent.place`, ...orderOf(inPage(listing.key), falling));
  return rows as Keyed<Row>[];
}

/** For each parent, in their order, how many rows its list has; no more than `COUNT_CAP`. */
export async function countRows<Row>(db: Db, listing: Listing<Row>, parents: Parents): Promise<number[]> {
  const counted = db
    .select({ one: sql`1`.as("one") })
    .from(listing.table as PgTable)
    .where(and(ofParent(listing), listing.where))
    .limit(COUNT_CAP);
  const rows = await db
    .select({ count: sql<number>`(select count(*)::integer from ${counted.as("counted")})` })
    .from(parentRows(parents))
    .orderBy(sql`parent.place`);
  return rows.map((row) => row.count);
}

/** For each parent, in their order, whether rows lie outside the window: at `after` or in front, or at `before` or behind. */
export async function hasRowsOutside<Row>(
  db: Db,
  listing: Listing<Row>,
  side: { readonly edge: "after" | "before"; readonly window: Window },
  parents: Parents,
): Promise<boolean[]> {
  const key = side.window[side.edge];
  if (key === undefined) return (parents ?? [""]).map(() => false);
  const isAbove = (side.edge === "after") === side.window.descending;
  const outside = db
    .select({ one: sql`1` })
    .from(listing.table as PgTable)
    .where(and(ofParent(listing), listing.where, compare(listing.key, isAbove ? ">=" : "<=", key)));
  const rows = await db
    .select({ found: sql<boolean>`exists ${outside}` })
    .from(parentRows(parents))
    .orderBy(sql`parent.place`);
  return rows.map((row) => row.found);
}

function parentRows(parents: Parents): SQL {
  if (parents === undefined) return sql`(values (null::uuid, 1)) as parent(id, place)`;
  return sql`unnest(${uuidArray(parents)}) with ordinality as parent(id, place)`;
}

function ofParent<Row>(listing: Listing<Row>): SQL | undefined {
  return listing.parent && eq(listing.parent, sql`parent.id`);
}

function inside(key: readonly KeyColumn[], { after, before, descending }: Window): SQL | undefined {
  return and(
    after && compare(key, descending ? "<" : ">", after),
    before && compare(key, descending ? ">" : "<", before),
  );
}

const OPERATORS = { "<": sql`<`, ">": sql`>`, "<=": sql`<=`, ">=": sql`>=` };

function compare(key: readonly KeyColumn[], operator: keyof typeof OPERATORS, values: readonly string[]): SQL {
  const columns = key.map(({ column }) => sql`${column}`);
  const parameters = key.map(({ kind }, index) => parameter(kind, values[index] ?? ""));
  return sql`(${sql.join(columns, sql`, `)}) ${OPERATORS[operator]} (${sql.join(parameters, sql`, `)})`;
}

function parameter(kind: KeyKind, value: string): SQL {
  if (kind === "instant") return sql`(timestamptz 'epoch' + ${value}::bigint * interval '1 microsecond')`;
  return kind === "integer" ? sql`${value}::integer` : sql`${value}::uuid`;
}

function keyText(key: readonly KeyColumn[]): SQL<string> {
  const values = key.map(({ column, kind }) =>
    kind === "instant" ? sql`(extract(epoch from ${column}) * 1000000)::bigint` : sql`${column}`,
  );
  return sql<string>`concat_ws(' ', ${sql.join(values, sql`, `)})`;
}

function orderOf(key: readonly { readonly column: AnyPgColumn | SQL }[], falling: boolean): SQL[] {
  return key.map(({ column }) => (falling ? sql`${column} desc` : sql`${column} asc`));
}

function inPage(key: readonly KeyColumn[]): { column: SQL }[] {
  return key.map(({ column }) => ({ column: sql`page.${sql.identifier(column.name)}` }));
}
