/**
 * Shapes: what one statement reads of a row, and of the rows that are joined to it. `paging.ts` reads the page of rows to which
 * a shape is applied. This module knows no GraphQL.
 */
import { and, getColumns, is, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { type AnyPgColumn, type PgTable, PgTimestamp } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { fixedLimit, type Key, orderByKey } from "./keyset.ts";

export type Table = PgTable;

/** What is read of a row, besides its `id`. All names are names of properties in the row that is read. */
export interface Shape {
  readonly table: Table;
  /** Columns, by their names in TypeScript. An instant is read as the text that PostgreSQL writes. */
  readonly columns: ReadonlySet<string>;
  /** Other values, by names that no column has. */
  readonly loaded: ReadonlyMap<string, LoadedValue>;
  /** Joined rows, by names that no column has. One that does not exist is null, or has a null `id`. */
  readonly joined: ReadonlyMap<string, Joined>;
}

/** A column that rows are usually read without, by its name, or SQL that is made from the row's id. */
export type LoadedValue = string | ((id: SQLWrapper) => SQL);

/** The row whose id is in the column `by`; or the last row of a list, whose parent's id is in that column. */
export interface Joined {
  readonly shape: Shape;
  readonly by: string;
  readonly last?: { readonly parent: AnyPgColumn; readonly where: SQL | undefined; readonly key: Key };
}

type Columns = Readonly<Record<string, AnyPgColumn | SQL.Aliased>>;
type Selection = { [name: string]: AnyPgColumn | SQL | SQL.Aliased | Selection };

/** The columns of any table. Drizzle's own type would be that of one table. */
export function columnsOf(table: Table): Record<string, AnyPgColumn> {
  return getColumns<PgTable>(table);
}

/** Whether a column holds an instant: see `Shape.columns`. */
export function isInstant(table: Table, name: string): boolean {
  return is(columnsOf(table)[name], PgTimestamp);
}

/** How many rows are joined to each row of a shape, including the rows joined to those. */
export function countJoins({ joined }: Shape): number {
  return [...joined.values()].reduce((count, { shape }) => count + 1 + countJoins(shape), 0);
}

/** The columns that a subquery must select, so that `joinShape` can be applied to its rows. */
export function pageColumns({ table, columns, loaded, joined }: Shape, key: Key = []): Columns {
  const references = [...joined.values()].map(({ by }) => by);
  const names = new Set<unknown>(["id", ...columns, ...loaded.values(), ...references]);
  const isKey = (column: AnyPgColumn) => key.some((value) => value.column === column);
  return Object.fromEntries(
    Object.entries(columnsOf(table)).filter(([name, column]) => names.has(name) || isKey(column)),
  );
}

/**
 * What to select for a shape, and the lateral subqueries to join, of which each may refer to those before it. `page`: the
 * selected fields of a subquery with `pageColumns`.
 */
export function joinShape(db: Db, shape: Shape, page: Columns) {
  const laterals: ReturnType<typeof selectJoined>[] = [];
  const select = (of: Shape, path: string, columns: Columns): Selection => {
    const selection: Selection = {};
    const columnAt = (name: string) => sql`${columns[name]}`;
    for (const name of ["id", ...of.columns]) {
      // Drizzle makes a `Date` of a column. A page has hundreds, and writing one as text again takes a microsecond.
      selection[name] = isInstant(of.table, name) ? columnAt(name) : (columns[name] as AnyPgColumn);
    }
    for (const [name, value] of of.loaded) {
      selection[name] = typeof value === "string" ? (columns[value] as AnyPgColumn) : value(columnAt("id"));
    }
    for (const [name, joined] of of.joined) {
      const at = `${path}${name}.`;
      const lateral = selectJoined(db, joined, columnAt(joined.by), at);
      laterals.push(lateral);
      // Drizzle has no types for the columns of a table that it does not know.
      selection[name] = select(joined.shape, at, lateral._.selectedFields as object as Columns);
    }
    return selection;
  };
  return { selection: select(shape, "", page), laterals };
}

/** PostgreSQL plans a subquery without a limit like a join. */
function selectJoined(db: Db, { shape, last }: Joined, id: SQL, at: string) {
  const matching = db
    .select(pageColumns(shape))
    .from(shape.table)
    .where(and(sql`${last?.parent ?? columnsOf(shape.table).id} = ${id}`, last?.where))
    .$dynamic();
  return (last ? matching.orderBy(...orderByKey(last.key, true)).limit(fixedLimit(1)) : matching).as(at);
}
