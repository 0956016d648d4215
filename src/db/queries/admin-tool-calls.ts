/** What admins read of tool calls. */
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { toolCalls } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import type { Listing } from "./admin-paging.ts";
import { inRange, type TimeRange } from "./admin-range.ts";

export type ToolCallRow = typeof toolCalls.$inferSelect;

/** All that are given must hold. */
export type ToolCallFilter = {
  readonly threadId?: string | null | undefined;
  readonly runId?: string | null | undefined;
  readonly name?: string | null | undefined;
  /** One of these; an empty list finds nothing. */
  readonly status?: readonly ToolCallRow["status"][] | null | undefined;
  readonly created?: TimeRange | null | undefined;
};

/** The tool calls of all threads, by when the model asked for them. */
export function listToolCalls(filter: ToolCallFilter): Listing<ToolCallRow> {
  return {
    name: "toolCalls.createdAt",
    table: toolCalls,
    filter,
    where: whereToolCall(filter),
    key: [
      { column: toolCalls.createdAt, kind: "instant" },
      { column: toolCalls.id, kind: "uuid" },
    ],
  };
}

/** The tool calls of a thread (the parent), by when the model asked for them. */
export function listToolCallsOfThread(filter: ToolCallFilter): Listing<ToolCallRow> {
  return { ...listToolCalls(filter), name: "thread.toolCalls", parent: toolCalls.threadId };
}

/** The tool calls of a run (the parent), by round and by their place in it. */
export function listToolCallsOfRun(filter: ToolCallFilter): Listing<ToolCallRow> {
  return {
    name: "run.toolCalls",
    table: toolCalls,
    filter,
    where: whereToolCall(filter),
    key: [
      { column: toolCalls.round, kind: "integer" },
      { column: toolCalls.position, kind: "integer" },
    ],
    parent: toolCalls.runId,
  };
}

/** The tool calls with these ids, in no order; one that does not exist is left out. */
export function findToolCalls(db: Db, ids: readonly string[]): Promise<ToolCallRow[]> {
  return db
    .select()
    .from(toolCalls)
    .where(sql`${toolCalls.id} = any(${uuidArray(ids)})`);
}

function whereToolCall(filter: ToolCallFilter): SQL | undefined {
  return and(
    filter.threadId ? eq(toolCalls.threadId, filter.threadId) : undefined,
    filter.runId ? eq(toolCalls.runId, filter.runId) : undefined,
    filter.name ? eq(toolCalls.name, filter.name) : undefined,
    filter.status ? inArray(toolCalls.status, [...filter.status]) : undefined,
    inRange(toolCalls.createdAt, filter.created),
  );
}
