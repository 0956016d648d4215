/** Queries of messages for admins. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { messageRevisions, messages } from "../../schema/index.ts";
import { MESSAGES_TO_SCAN, messageMatches, messageMatchesUnindexed } from "../search/search.ts";
import { isThreadInEnvironment } from "./environments.ts";
import type { Listing, RareCondition } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { asksOnly, inChat, rarely } from "./related.ts";

export type MessageRow = typeof messages.$inferSelect;
export type RevisionRow = typeof messageRevisions.$inferSelect;

/** All given conditions must hold. */
export type MessageFilter = {
  readonly threadId?: string | null | undefined;
  readonly role?: MessageRow["role"] | null | undefined;
  readonly authorId?: string | null | undefined;
  readonly chatId?: string | null | undefined;
  readonly runId?: string | null | undefined;
  /** Words that the text contains: see `parseSearch`. */
  readonly text?: string | null | undefined;
  readonly created?: TimeRange | null | undefined;
};

/** The messages of all threads of an environment, by time. */
export function listMessages(filter: MessageFilter, sandbox: boolean): Listing<MessageRow> {
  return {
    name: "messages.createdAt",
    table: messages,
    filter,
    isSteady: asksOnly(filter, ["authorId", "created"]),
    where: whereMessage(filter, sandbox),
    rare: rareMessage(filter),
    key: [
      { column: messages.createdAt, kind: "instant" },
      { column: messages.id, kind: "uuid" },
    ],
  };
}

/** The messages of a thread (the parent), by position. */
export function listMessagesOfThread(filter: MessageFilter, sandbox: boolean): Listing<MessageRow> {
  return {
    name: "thread.messages",
    table: messages,
    filter,
    where: whereMessage(filter, sandbox),
    rare: rareMessage(filter),
    key: [{ column: messages.position, kind: "integer" }],
    parent: messages.threadId,
  };
}

/** The messages with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findMessages(db: Db, ids: readonly string[], sandbox: boolean): Promise<MessageRow[]> {
  return db
    .select()
    .from(messages)
    .where(and(sql`${messages.id} = any(${uuidArray(ids)})`, isThreadInEnvironment(messages.threadId, sandbox)));
}

/** The answers of these runs: at most one message per run, in any order. */
export function findAnswers(db: Db, runIds: readonly string[]): Promise<MessageRow[]> {
  return db
    .select()
    .from(messages)
    .where(and(eq(messages.role, "assistant"), sql`${messages.runId} = any(${uuidArray(runIds)})`));
}

/** The questions of these runs: at most one message per run, in any order. */
export function findQuestions(db: Db, runIds: readonly string[]): Promise<MessageRow[]> {
  return db
    .select()
    .from(messages)
    .where(and(eq(messages.role, "user"), sql`${messages.runId} = any(${uuidArray(runIds)})`));
}

/** The number of messages per thread. Threads without messages are left out. */
export function countMessages(db: Db, threadIds: readonly string[]): Promise<{ threadId: string; count: number }[]> {
  return db
    .select({ threadId: messages.threadId, count: sql<number>`count(*)::integer` })
    .from(messages)
    .where(sql`${messages.threadId} = any(${uuidArray(threadIds)})`)
    .groupBy(messages.threadId);
}

/** The revisions of these messages, oldest first. Revisions of different messages may be mixed. */
export function findRevisions(db: Db, messageIds: readonly string[]): Promise<RevisionRow[]> {
  return db
    .select()
    .from(messageRevisions)
    .where(sql`${messageRevisions.messageId} = any(${uuidArray(messageIds)})`)
    .orderBy(asc(messageRevisions.createdAt), asc(messageRevisions.id));
}

function whereMessage(filter: MessageFilter, sandbox: boolean): SQL | undefined {
  return and(
    isThreadInEnvironment(messages.threadId, sandbox),
    filter.threadId ? eq(messages.threadId, filter.threadId) : undefined,
    filter.runId ? eq(messages.runId, filter.runId) : undefined,
    filter.role ? eq(messages.role, filter.role) : undefined,
    filter.authorId ? eq(messages.authorId, filter.authorId) : undefined,
    inRange(messages.createdAt, filter.created),
  );
}

function rareMessage(filter: MessageFilter): RareCondition | undefined {
  const ofChat = filter.chatId ? inChat(messages.threadId, filter.chatId) : undefined;
  if (filter.text == null) return rarely(MESSAGES_TO_SCAN, ofChat);
  const whereWalking = and(messageMatchesUnindexed(filter.text), ofChat);
  const where = and(messageMatches(filter.text), ofChat);
  return where && { where, whereWalking, walkRows: MESSAGES_TO_SCAN };
}
