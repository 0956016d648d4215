/** What the conditions of several lists share. */
import { and, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { threads } from "../../schema/index.ts";
import type { RareCondition } from "./paging.ts";

/** How many rows to walk through where each costs a look into another table: 20 ms of work. */
export const ROWS_TO_WALK = 5_000;

/** All these conditions, as ones that few rows may meet; undefined where there is none. */
export function rarely(walkRows: number, ...conditions: (SQL | undefined)[]): RareCondition | undefined {
  const where = and(...conditions);
  return where && { where, walkRows };
}

/** Whether a filter says nothing beside these fields. */
export function asksOnly<Filter extends object>(filter: Filter, fields: readonly (keyof Filter)[]): boolean {
  return Object.entries(filter).every(([name, value]) => value == null || fields.includes(name as keyof Filter));
}

/**
 * That a column has one of these values. They stand in the statement: Postgres knows then, planning once for all values of
 * the other parameters, how frequent they are and which partial index has them.
 */
export function isOneOf<Column extends AnyPgColumn & { readonly enumValues: readonly string[] }>(
  column: Column,
  values: readonly Column["enumValues"][number][],
): SQL {
  // Written from the column's own list of values: nothing of what was given comes into the statement.
  const named = column.enumValues.filter((value) => values.includes(value)).map((value) => sql.raw(`'${value}'`));
  return named.length === 0 ? sql`false` : sql`${column} in (${sql.join(named, sql`, `)})`;
}

/** That a thread, named by a column, is of this chat. */
export function inChat(threadId: AnyPgColumn, chatId: string): SQL {
  return sql`exists (select from ${threads} where ${threads.id} = ${threadId} and ${threads.chatId} = ${chatId})`;
}

/** For `ilike`: each letter stands for itself. */
export function escapeWildcards(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}
