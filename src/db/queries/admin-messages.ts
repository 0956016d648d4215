/** What admins read of messages. */
import { and, eq, ilike, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { messages } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import type { Listing } from "./admin-paging.ts";
import { inRange, type TimeRange } from "./admin-range.ts";

export type MessageRow = typeof messages.$inferSelect;

/** All that are given must hold. */
export type MessageFilter = {
  readonly threadId?: string | null | undefined;
  readonly role?: MessageRow["role"] | null | undefined;
  readonly authorId?: string | null | undefined;
  /** Letters that occur in the text, whatever their case. */
  readonly text?: string | null | undefined;
  readonly created?: TimeRange | null | undefined;
};

/** The messages of all threads, by when they were said. */
export function listMessages(filter: MessageFilter): Listing<MessageRow> {
  return {
    name: "messages.createdAt",
    table: messages,
    filter,
    where: whereMessage(filter),
    key: [
      { column: messages.createdAt, kind: "instant" },
      { column: messages.id, kind: "uuid" },
    ],
  };
}

/** The messages of a thread (the parent), in the order in which they were said. */
export function listMessagesOfThread(filter: MessageFilter): Listing<MessageRow> {
  return {
    name: "thread.messages",
    table: messages,
    filter,
    where: whereMessage(filter),
    key: [{ column: messages.position, kind: "integer" }],
    parent: messages.threadId,
  };
}

/** The messages with these ids, in no order; one that does not exist is left out. */
export function findMessages(db: Db, ids: readonly string[]): Promise<MessageRow[]> {
  return db
    .select()
    .from(messages)
    .where(sql`${messages.id} = any(${uuidArray(ids)})`);
}

/** What the Assistant said in these runs: at most one message each, in no order. */
export function findAnswers(db: Db, runIds: readonly string[]): Promise<MessageRow[]> {
  return db
    .select()
    .from(messages)
    .where(and(eq(messages.role, "assistant"), sql`${messages.runId} = any(${uuidArray(runIds)})`));
}

/** How many messages each of these threads has; a thread without any is left out. */
export function countMessages(db: Db, threadIds: readonly string[]): Promise<{ threadId: string; count: number }[]> {
  return db
    .select({ threadId: messages.threadId, count: sql<number>`count(*)::integer` })
    .from(messages)
    .where(sql`${messages.threadId} = any(${uuidArray(threadIds)})`)
    .groupBy(messages.threadId);
}

function whereMessage(filter: MessageFilter): SQL | undefined {
  return and(
    filter.threadId ? eq(messages.threadId, filter.threadId) : undefined,
    filter.role ? eq(messages.role, filter.role) : undefined,
    filter.authorId ? eq(messages.authorId, filter.authorId) : undefined,
    filter.text ? ilike(messages.text, `%${escapeWildcards(filter.text)}%`) : undefined,
    inRange(messages.createdAt, filter.created),
  );
}

function escapeWildcards(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}
