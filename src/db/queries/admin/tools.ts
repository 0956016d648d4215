/** Queries of tools for admins: how often they were called, with which results. */
import { and, sql } from "drizzle-orm";
import { makePgArray } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { toolCalls } from "../../schema/index.ts";
import { isThreadInEnvironment } from "./environments.ts";
import { inRange, type TimeRange } from "./range.ts";
import { countWhere, type PercentileFigures, percentilesOf } from "./usage.ts";

export interface ToolFigures {
  readonly name: string;
  readonly calls: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly duration: PercentileFigures;
}

/** Figures of the calls in this time range, per tool. Tools without calls are left out. */
export function findToolFigures(
  db: Db,
  names: readonly string[],
  range: TimeRange,
  sandbox: boolean,
): Promise<ToolFigures[]> {
  return db
    .select({
      name: toolCalls.name,
      calls: sql<number>`count(*)::integer`,
      succeeded: countWhere(sql`${toolCalls.status} = 'succeeded'`),
      failed: countWhere(sql`${toolCalls.status} = 'failed'`),
      duration: percentilesOf(sql`nullif(${toolCalls.durationMs}, -1)`),
    })
    .from(toolCalls)
    .where(
      and(
        sql`${toolCalls.name} = any(${textArray(names)})`,
        inRange(toolCalls.createdAt, range),
        isThreadInEnvironment(toolCalls.threadId, sandbox),
      ),
    )
    .groupBy(toolCalls.name);
}

/** When each of these tools was called last; null if never. */
export async function findLastUses(
  db: Db,
  names: readonly string[],
  sandbox: boolean,
): Promise<{ name: string; at: Date | null }[]> {
  // `between` makes Postgres use the index on names, the only one with this order. With `=` it reads all calls if a tool was never
  // used.
  const newest = sql`(select ${toolCalls.createdAt} from ${toolCalls}
    where ${toolCalls.name} between tool.name and tool.name and ${isThreadInEnvironment(toolCalls.threadId, sandbox)}
    order by ${toolCalls.name} desc, ${toolCalls.createdAt} desc, ${toolCalls.id} desc limit 1)`;
  const rows = await db
    .select({ name: sql<string>`tool.name`, at: sql<string | null>`${newest}` })
    .from(sql`unnest(${textArray(names)}) as tool(name)`);
  return rows.map(({ name, at }) => ({ name, at: at === null ? null : new Date(at) }));
}

function textArray(texts: readonly string[]) {
  return sql`${makePgArray([...texts])}::text[]`;
}
