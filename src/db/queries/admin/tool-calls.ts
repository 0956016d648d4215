/** Queries of tool calls for admins. */
import { and, eq, exists, getColumns, gt, ilike, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { runs, toolCalls } from "../../schema/index.ts";
import { isThreadInEnvironment } from "./environments.ts";
import type { Listing, RareCondition } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { escapeWildcards, hasOnlyFields, inChat, isOneOf, ROWS_TO_SCAN, toRareCondition } from "./related.ts";

/** Without the values that may be large: `tool-values.ts` reads those. */
export type ToolCallRow = Omit<typeof toolCalls.$inferSelect, "arguments" | "output">;

const { arguments: _arguments, output: _output, ...columns } = getColumns(toolCalls);

/** The columns of a `ToolCallRow`. */
export const TOOL_CALL_COLUMNS = columns;

/** All given conditions must hold. */
export type ToolCallFilter = {
  readonly threadId?: string | null | undefined;
  readonly runId?: string | null | undefined;
  readonly name?: string | null | undefined;
  /** One of these. An empty list matches nothing. */
  readonly status?: readonly ToolCallRow["status"][] | null | undefined;
  readonly created?: TimeRange | null | undefined;
  /** Text that the error contains, case-insensitive. */
  readonly error?: string | null | undefined;
  readonly slowerThanMs?: number | null | undefined;
  /** Who asked the question of the run. */
  readonly staffMemberId?: string | null | undefined;
  readonly chatId?: string | null | undefined;
};

export type ToolCallOrder = "createdAt" | "durationMs";

/** The tool calls of all threads of an environment, by time of creation or by duration: see `listRuns`. */
export function listToolCalls(
  db: Db,
  filter: ToolCallFilter,
  order: ToolCallOrder,
  sandbox: boolean,
): Listing<ToolCallRow> {
  return {
    name: `toolCalls.${order}`,
    table: toolCalls,
    columns: TOOL_CALL_COLUMNS,
    filter,
    isSteady: order === "createdAt" && hasOnlyFields(filter, ["name", "status", "created"]),
    where: and(whereToolCall(filter, sandbox), order === "durationMs" ? slowerThan(filter) : undefined),
    rare: rareToolCall(db, filter, order),
    key: [
      order === "createdAt"
        ? { column: toolCalls.createdAt, kind: "instant" }
        : { column: toolCalls.durationMs, kind: "integer" },
      { column: toolCalls.id, kind: "uuid" },
    ],
  };
}

/** The tool calls of a thread (the parent), by time of creation or by duration. */
export function listToolCallsOfThread(
  db: Db,
  filter: ToolCallFilter,
  order: ToolCallOrder,
  sandbox: boolean,
): Listing<ToolCallRow> {
  return {
    ...listToolCalls(db, filter, order, sandbox),
    name: `thread.toolCalls.${order}`,
    parent: toolCalls.threadId,
  };
}

/** The tool calls of a run (the parent), by round and position, or by duration. */
export function listToolCallsOfRun(
  db: Db,
  filter: ToolCallFilter,
  order: ToolCallOrder,
  sandbox: boolean,
): Listing<ToolCallRow> {
  const allCalls = listToolCalls(db, filter, order, sandbox);
  const name = `run.toolCalls.${order}`;
  if (order === "durationMs") return { ...allCalls, name, parent: toolCalls.runId };
  return {
    ...allCalls,
    name,
    parent: toolCalls.runId,
    key: [
      { column: toolCalls.round, kind: "integer" },
      { column: toolCalls.position, kind: "integer" },
    ],
  };
}

/** The tool calls with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findToolCalls(db: Db, ids: readonly string[], sandbox: boolean): Promise<ToolCallRow[]> {
  return db
    .select(TOOL_CALL_COLUMNS)
    .from(toolCalls)
    .where(and(sql`${toolCalls.id} = any(${uuidArray(ids)})`, isThreadInEnvironment(toolCalls.threadId, sandbox)));
}

function whereToolCall(filter: ToolCallFilter, sandbox: boolean): SQL | undefined {
  return and(
    isThreadInEnvironment(toolCalls.threadId, sandbox),
    filter.threadId ? eq(toolCalls.threadId, filter.threadId) : undefined,
    filter.runId ? eq(toolCalls.runId, filter.runId) : undefined,
    filter.name == null ? undefined : eq(toolCalls.name, filter.name),
    filter.status ? isOneOf(toolCalls.status, filter.status) : undefined,
    // Only failed calls have an error, and there is an index on them.
    filter.error == null ? undefined : sql`${toolCalls.status} = 'failed'`,
    inRange(toolCalls.createdAt, filter.created),
  );
}

function slowerThan({ slowerThanMs }: ToolCallFilter): SQL | undefined {
  return slowerThanMs == null ? undefined : gt(toolCalls.durationMs, slowerThanMs);
}

function rareToolCall(db: Db, filter: ToolCallFilter, order: ToolCallOrder): RareCondition | undefined {
  return toRareCondition(
    ROWS_TO_SCAN,
    filter.error == null ? undefined : ilike(toolCalls.error, `%${escapeWildcards(filter.error)}%`),
    order === "durationMs" ? undefined : slowerThan(filter),
    filter.staffMemberId ? exists(runAskedBy(db, filter.staffMemberId)) : undefined,
    filter.chatId ? inChat(toolCalls.threadId, filter.chatId) : undefined,
  );
}

function runAskedBy(db: Db, staffMemberId: string) {
  return db
    .select({ one: sql`1` })
    .from(runs)
    .where(and(eq(runs.id, toolCalls.runId), eq(runs.askerId, staffMemberId)));
}
