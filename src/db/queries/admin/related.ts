/** Conditions that several lists share. */
import { and, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { threads } from "../../schema/index.ts";
import type { RareCondition } from "./paging.ts";

/** How many rows to scan if each needs a lookup in another table: 20 ms of work. */
export const ROWS_TO_SCAN = 5_000;

/** All these conditions, as one that few rows may meet; undefined if there is none. */
export function toRareCondition(rowsToScan: number, ...conditions: (SQL | undefined)[]): RareCondition | undefined {
  const where = and(...conditions);
  return where && { where, rowsToScan };
}

/** Whether a filter sets no other fields than these. */
export function hasOnlyFields<Filter extends object>(filter: Filter, fields: readonly (keyof Filter)[]): boolean {
  return Object.entries(filter).every(([name, value]) => value == null || fields.includes(name as keyof Filter));
}

/**
 * That a column has one of these values. They are part of the statement's text: a plan that PostgreSQL makes once for all
 * values of the other parameters then knows how frequent they are, and which partial index has them.
 */
export function isOneOf<Column extends AnyPgColumn & { readonly enumValues: readonly string[] }>(
  column: Column,
  values: readonly Column["enumValues"][number][],
): SQL {
  // Written from the column's own list of values: nothing of the input becomes part of the statement.
  const named = column.enumValues.filter((value) => values.includes(value)).map((value) => sql.raw(`'${value}'`));
  return named.length === 0 ? sql`false` : sql`${column} in (${sql.join(named, sql`, `)})`;
}

/** That the thread whose id is in a column belongs to this chat. */
export function inChat(threadId: AnyPgColumn, chatId: string): SQL {
  return sql`exists (select from ${threads} where ${threads.id} = ${threadId} and ${threads.chatId} = ${chatId})`;
}

/** For `ilike`: every character is matched literally. */
export function escapeWildcards(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}
