/** The unique key by which a list is ordered, as SQL: to compare with it, to order by it, and as text for a cursor. */
import { type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";

/**
 * How a cursor holds a value of a key. An instant is in microseconds since 1970, because a `Date` would lose three digits. A
 * text is the hex of its UTF-8, so that no value contains a space.
 */
export type KeyKind = "instant" | "integer" | "uuid" | "text";

/** A column, or an expression, which `as` names within a page. */
export type KeyColumn =
  | { readonly column: AnyPgColumn; readonly kind: KeyKind }
  | { readonly column: SQL; readonly as: string; readonly kind: KeyKind };

export type Key = readonly KeyColumn[];

const OPERATORS = { "<": sql`<`, ">": sql`>`, "<=": sql`<=`, ">=": sql`>=` };

/** Compares rows with a key by row values, which an index on the columns of the key supports. */
export function compareKey(key: Key, operator: keyof typeof OPERATORS, values: readonly string[]): SQL {
  const columns = key.map(({ column }) => sql`${column}`);
  const parameters = key.map(({ kind }, index) => parameter(kind, values[index] ?? ""));
  return sql`(${sql.join(columns, sql`, `)}) ${OPERATORS[operator]} (${sql.join(parameters, sql`, `)})`;
}

/** The values as text, separated by a space. */
export function keyText(key: Key): SQL<string> {
  return sql<string>`concat_ws(' ', ${sql.join(key.map(valueText), sql`, `)})`;
}

export function orderByKey(key: Key, descending: boolean): SQL[] {
  return key.map(({ column }) => ordered(sql`${column}`, descending));
}

/** The same order for the rows of a subquery named `page`. */
export function orderInPage(key: Key, descending: boolean): SQL[] {
  return key.map((value) =>
    ordered(sql`page.${sql.identifier("as" in value ? value.as : value.column.name)}`, descending),
  );
}

/** What a page must select besides its columns, so that `orderInPage` can order it. */
export function computedKey(key: Key): Record<string, SQL.Aliased> {
  return Object.fromEntries(key.flatMap((value) => ("as" in value ? [[value.as, value.column.as(value.as)]] : [])));
}

/** The columns of a key, for a page that reads nothing else of a row. */
export function keyColumns(key: Key): Record<string, AnyPgColumn> {
  return Object.fromEntries(key.flatMap((value) => ("as" in value ? [] : [[value.column.name, value.column]])));
}

/**
 * A limit as part of the statement's text. PostgreSQL estimates a limit that is a parameter as a tenth of the rows, and then
 * prefers to plan each call anew.
 */
export function fixedLimit(limit: number): number {
  // Drizzle's type allows numbers and placeholders only; its query builder accepts any SQL.
  return sql.raw(String(Math.trunc(limit))) as unknown as number;
}

function ordered(value: SQL, descending: boolean): SQL {
  return descending ? sql`${value} desc` : sql`${value} asc`;
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
