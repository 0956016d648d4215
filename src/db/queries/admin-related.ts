/** What the conditions of several lists share. */
import { and, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { threads } from "../schema/index.ts";
import type { RareCondition } from "./admin-paging.ts";

/** How many rows to walk through where each costs a look into another table: 20 ms of work. */
export const ROWS_TO_WALK = 5_000;

/** All these conditions, as ones that few rows may meet; undefined where there is none. */
export function rarely(walkRows: number, ...conditions: (SQL | undefined)[]): RareCondition | undefined {
  const where = and(...conditions);
  return where && { where, walkRows };
}

/** That a thread, named by a column, is of this chat. */
export function inChat(threadId: AnyPgColumn, chatId: string): SQL {
  return sql`exists (select from ${threads} where ${threads.id} = ${threadId} and ${threads.chatId} = ${chatId})`;
}

/** For `ilike`: each letter stands for itself. */
export function escapeWildcards(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}
