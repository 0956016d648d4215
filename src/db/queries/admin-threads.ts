/** What admins read of chats and threads. */
import { and, eq, exists, not, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { chats, messages, runs, threads, toolCalls } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import { threadCostsOver } from "./admin-costs.ts";
import type { Listing } from "./admin-paging.ts";
import { inRange, type TimeRange } from "./admin-range.ts";

export type ThreadRow = typeof threads.$inferSelect;
export type ChatRow = typeof chats.$inferSelect;

/** All that are given must hold. */
export type ThreadFilter = {
  readonly chatId?: string | null | undefined;
  readonly status?: ThreadRow["status"] | null | undefined;
  /** Who said something in it. */
  readonly staffMemberId?: string | null | undefined;
  readonly lastActivity?: TimeRange | null | undefined;
  readonly hasFailedRuns?: boolean | null | undefined;
  /** The name of a tool that was called in it. */
  readonly usedTool?: string | null | undefined;
  /** US dollars that its runs cost more than together, a plain decimal. */
  readonly costOver?: string | null | undefined;
};

/** All threads, by their last activity or by when they began. */
export function listThreads(db: Db, filter: ThreadFilter, order: "lastActivityAt" | "createdAt"): Listing<ThreadRow> {
  return {
    name: `threads.${order}`,
    table: threads,
    filter,
    where: whereThread(db, filter),
    key: [
      { column: threads[order], kind: "instant" },
      { column: threads.id, kind: "uuid" },
    ],
  };
}

/** The threads with these ids, in no order; one that does not exist is left out. */
export function findThreads(db: Db, ids: readonly string[]): Promise<ThreadRow[]> {
  return db
    .select()
    .from(threads)
    .where(sql`${threads.id} = any(${uuidArray(ids)})`);
}

/** The chats with these ids, in no order; one that does not exist is left out. */
export function findChats(db: Db, ids: readonly string[]): Promise<ChatRow[]> {
  return db
    .select()
    .from(chats)
    .where(sql`${chats.id} = any(${uuidArray(ids)})`);
}

function whereThread(db: Db, filter: ThreadFilter): SQL | undefined {
  const failed = db
    .select({ one: sql`1` })
    .from(runs)
    .where(and(eq(runs.threadId, threads.id), eq(runs.status, "failed")));
  return and(
    filter.chatId ? eq(threads.chatId, filter.chatId) : undefined,
    filter.status ? eq(threads.status, filter.status) : undefined,
    inRange(threads.lastActivityAt, filter.lastActivity),
    filter.staffMemberId ? exists(saidBy(db, filter.staffMemberId)) : undefined,
    filter.hasFailedRuns === true ? exists(failed) : undefined,
    filter.hasFailedRuns === false ? not(exists(failed)) : undefined,
    filter.usedTool ? exists(callsOf(db, filter.usedTool)) : undefined,
    filter.costOver ? threadCostsOver(threads.id, filter.costOver) : undefined,
  );
}

function saidBy(db: Db, staffMemberId: string) {
  return db
    .select({ one: sql`1` })
    .from(messages)
    .where(and(eq(messages.threadId, threads.id), eq(messages.authorId, staffMemberId)));
}

function callsOf(db: Db, tool: string) {
  return db
    .select({ one: sql`1` })
    .from(toolCalls)
    .where(and(eq(toolCalls.threadId, threads.id), eq(toolCalls.name, tool)));
}
