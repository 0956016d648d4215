/** The key that a list is ordered by, as SQL: comparing with it, ordering by it, and writing it as text for a cursor. */
import { type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";

/**
 * How a value of a key travels in a cursor. An instant is in microseconds since 1970: a `Date` would lose three digits. A
 * text is the hex of its UTF-8, so that no value has a space.
 */
export type KeyKind = "instant" | "integer" | "uuid" | "text";

/** A column, or what is made of columns: then `as` names it within a page. */
export type KeyColumn =
  | { readonly column: AnyPgColumn; readonly kind: KeyKind }
  | { readonly column: SQL; readonly as: string; readonly kind: KeyKind };

export type Key = readonly KeyColumn[];

const OPERATORS = { "<": sql`<`, ">": sql`>`, "<=": sql`<=`, ">=": sql`>=` };

/** Compares rows with a key by row values, which an index on its columns can follow. */
export function compareKey(key: Key, operator: keyof typeof OPERATORS, values: readonly string[]): SQL {
  const columns = key.map(({ column }) => sql`${column}`);
  const parameters = key.map(({ kind }, index) => parameter(kind, values[index] ?? ""));
  return sql`(${sql.join(columns, sql`, `)}) ${OPERATORS[operator]} (${sql.join(parameters, sql`, `)})`;
}

/** The values as text, with a space between them. */
export function keyText(key: Key): SQL<string> {
  return sql<string>`concat_ws(' ', ${sql.join(key.map(valueText), sql`, `)})`;
}

export function orderByKey(key: Key, falling: boolean): SQL[] {
  return key.map(({ column }) => ordered(sql`${column}`, falling));
}

/** The same order of rows that come from a subquery `page`. */
export function orderInPage(key: Key, falling: boolean): SQL[] {
  return key.map((value) =>
    ordered(sql`page.${sql.identifier("as" in value ? value.as : value.column.name)}`, falling),
  );
}

/** What a page must select beside its columns to be ordered by `orderInPage`. */
export function computedKey(key: Key): Record<string, SQL.Aliased> {
  return Object.fromEntries(key.flatMap((value) => ("as" in value ? [[value.as, value.column.as(value.as)]] : [])));
}

/** The columns of a key, for a page that needs no more of a row. */
export function keyColumns(key: Key): Record<string, AnyPgColumn> {
  return Object.fromEntries(key.flatMap((value) => ("as" in value ? [] : [[value.column.name, value.column]])));
}

function ordered(value: SQL, falling: boolean): SQL {
  return falling ? sql`${value} desc` : sql`${value} asc`;
}

function parameter(kind: KeyKind, value: string): SQL {
  if (kind === "instant") return sql`(timestamptz 'epoch' + ${value}::bigint * interval '1 microsecond')`;
  if (kind === "text") return sql`${Buffer.from(value, "hex").toString()}::text`;
  return kind === "integer" ? sql`${value}::integer` : sql`${value}::uuid`;
}

function valueText({ column, kind }: KeyColumn): SQL {
  if (kind === "instant") return sql`(extract(epoch from ${column}) * 1000000)::bigint`;
  return kind === "text" ? sql`encode(convert_to(${column}, 'UTF8'), 'hex')` : sql`${column}`;
}
