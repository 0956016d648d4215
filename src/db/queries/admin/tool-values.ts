/** Arguments and outputs of tool calls, whole or as previews. They may be large, so they are read only when selected. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { toolCalls } from "../../schema/index.ts";

/** `preview`: length in characters; null for the whole value. */
export type ValuePart = { readonly value: "arguments" | "output"; readonly preview: number | null };

/** The start of a value's JSON text, and the length of all of it. Both in Unicode characters, so none is cut in half. */
export type ValuePreview = { readonly text: string; readonly length: number };

/**
 * The parts of each of these calls: the calls in any order, `values` in the order of `parts`. A whole value is any JSON. A preview
 * is a `ValuePreview`, or null while there is no value. The database cuts previews.
 */
export async function findToolValues(db: Db, ids: readonly string[], parts: readonly ValuePart[]) {
  const columns: Record<string, SQL<unknown>> = Object.fromEntries(
    parts.map((part, index) => [`part${index}`, toColumn(part)]),
  );
  const rows: Record<string, unknown>[] = await db
    .select({ id: toolCalls.id, ...columns })
    .from(toolCalls)
    .where(sql`${toolCalls.id} = any(${uuidArray(ids)})`);
  return rows.map((row) => ({ id: String(row.id), values: parts.map((_, index) => row[`part${index}`]) }));
}

function toColumn({ value, preview }: ValuePart): SQL<unknown> {
  const column = toolCalls[value];
  if (preview === null) return sql<unknown>`${column}`.mapWith(column);
  return sql<unknown>`case when ${column} is not null then
    jsonb_build_object('text', left(${column}::text, ${preview}::integer), 'length', char_length(${column}::text)) end`;
}
