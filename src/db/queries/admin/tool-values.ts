/** What went into tool calls and what came out of them, whole or in part: it may be large, and is read only when asked for. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { toolCalls } from "../../schema/index.ts";

/** `preview` in characters; null for the whole value. */
export type ValuePart = { readonly value: "arguments" | "output"; readonly preview: number | null };

/** The beginning of a value's JSON as text. Characters are those of Unicode: none is ever cut. */
export type ValuePreview = { readonly text: string; readonly length: number };

/**
 * For each of these calls, in no order, the parts asked for, in their order: any JSON for a whole value, a `ValuePreview` or
 * null (while there is no value yet) for a part. Previews are cut in the database.
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
