/** Queries of chats and threads for admins. */
import { and, eq, exists, inArray, not, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { chats, messages, runs, threads, toolCalls } from "../../schema/index.ts";
import { messageMatches, messageMatchesUnindexed } from "../search/search.ts";
import { threadCostsOver } from "./costs.ts";
import { isChatInEnvironment } from "./environments.ts";
import type { Listing, RareCondition } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { hasOnlyFields, isOneOf } from "./related.ts";

export type ThreadRow = typeof threads.$inferSelect;
export type ChatRow = typeof chats.$inferSelect;

/** Threads to scan if each needs a lookup of its messages: 20 ms of work. */
const THREADS_TO_SCAN = 2_000;

/** All given conditions must hold. */
export type ThreadFilter = {
  readonly chatId?: string | null | undefined;
  /** One of these. An empty list matches nothing. */
  readonly chatType?: readonly ChatRow["type"][] | null | undefined;
  readonly status?: ThreadRow["status"] | null | undefined;
  /** A staff member who wrote in the thread. */
  readonly staffMemberId?: string | null | undefined;
  readonly created?: TimeRange | null | undefined;
  readonly lastActivity?: TimeRange | null | undefined;
  readonly hasFailedRuns?: boolean | null | undefined;
  /** The name of a tool that was called in the thread. */
  readonly usedTool?: string | null | undefined;
  /** Threads whose runs cost more than this in total, in US dollars as a plain decimal. */
  readonly costOver?: string | null | undefined;
  /** Words that one of its messages contains: see `parseSearch`. */
  readonly text?: string | null | undefined;
  readonly minimumMessages?: number | null | undefined;
};

/** All threads of an environment, by last activity or by time of creation. */
export function listThreads(
  db: Db,
  filter: ThreadFilter,
  order: "lastActivityAt" | "createdAt",
  sandbox: boolean,
): Listing<ThreadRow> {
  return {
    name: `threads.${order}`,
    table: threads,
    filter,
    // The index on a chat's threads is in the order of last activity only.
    isSteady: hasOnlyFields(
      filter,
      order === "createdAt" ? ["status", "created"] : ["chatId", "status", "lastActivity"],
    ),
    where: and(isChatInEnvironment(threads.chatId, sandbox), whereThread(db, filter)),
    rare: rareThread(db, filter),
    key: [
      { column: threads[order], kind: "instant" },
      { column: threads.id, kind: "uuid" },
    ],
  };
}

/** The threads with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findThreads(db: Db, ids: readonly string[], sandbox: boolean): Promise<ThreadRow[]> {
  return db
    .select()
    .from(threads)
    .where(and(sql`${threads.id} = any(${uuidArray(ids)})`, isChatInEnvironment(threads.chatId, sandbox)));
}

/** The chats with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findChats(db: Db, ids: readonly string[], sandbox: boolean): Promise<ChatRow[]> {
  return db
    .select()
    .from(chats)
    .where(and(sql`${chats.id} = any(${uuidArray(ids)})`, isChatInEnvironment(chats.id, sandbox)));
}

function whereThread(db: Db, filter: ThreadFilter): SQL | undefined {
  return and(
    filter.chatId ? eq(threads.chatId, filter.chatId) : undefined,
    filter.status ? isOneOf(threads.status, [filter.status]) : undefined,
    inRange(threads.createdAt, filter.created),
    inRange(threads.lastActivityAt, filter.lastActivity),
    filter.hasFailedRuns === false ? not(exists(failedRuns(db))) : undefined,
  );
}

function rareThread(db: Db, filter: ThreadFilter): RareCondition | undefined {
  const where = related(db, filter, messageMatches);
  const whereScanning = filter.text == null ? undefined : related(db, filter, messageMatchesUnindexed);
  return where && { where, whereScanning, rowsToScan: THREADS_TO_SCAN };
}

function related(db: Db, filter: ThreadFilter, hasText: (text: string) => SQL | undefined): SQL | undefined {
  return and(
    filter.chatType ? exists(chatOf(db, filter.chatType)) : undefined,
    filter.staffMemberId ? exists(messagesOf(db, eq(messages.authorId, filter.staffMemberId))) : undefined,
    filter.hasFailedRuns === true ? exists(failedRuns(db)) : undefined,
    filter.usedTool == null ? undefined : exists(callsOf(db, filter.usedTool)),
    filter.text == null ? undefined : exists(messagesOf(db, hasText(filter.text))),
    filter.minimumMessages ? exists(messagesOf(db).offset(filter.minimumMessages - 1)) : undefined,
    filter.costOver ? threadCostsOver(threads.id, filter.costOver) : undefined,
  );
}

function chatOf(db: Db, types: readonly ChatRow["type"][]) {
  return db
    .select({ one: sql`1` })
    .from(chats)
    .where(and(eq(chats.id, threads.chatId), inArray(chats.type, [...types])));
}

function messagesOf(db: Db, condition?: SQL) {
  return db
    .select({ one: sql`1` })
    .from(messages)
    .where(and(eq(messages.threadId, threads.id), condition));
}

function failedRuns(db: Db) {
  return db
    .select({ one: sql`1` })
    .from(runs)
    .where(and(eq(runs.threadId, threads.id), eq(runs.status, "failed")));
}

function callsOf(db: Db, tool: string) {
  return db
    .select({ one: sql`1` })
    .from(toolCalls)
    .where(and(eq(toolCalls.threadId, threads.id), eq(toolCalls.name, tool)));
}
