/** Queries of messages for admins. */
import { and, asc, eq, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { messageRevisions, messages } from "../../schema/index.ts";
import { MESSAGES_TO_SCAN, messageMatches, messageMatchesUnindexed } from "../search/search.ts";
import { isThreadInEnvironment } from "./environments.ts";
import type { Listing, RareCondition } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { hasOnlyFields, inChat, toRareCondition } from "./related.ts";

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
    isSteady: hasOnlyFields(filter, ["authorId", "created"]),
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

/** The messages of a thread (the parent), of this role if one is given. Its environment is not checked again. */
export function messagesOfThread(role?: MessageRow["role"] | null) {
  return { ...MESSAGES_OF_PARENT, name: "thread.messages of role", ...ofRole(role), parent: messages.threadId };
}

/** The question that a run (the parent) answers; of one in several messages the first. */
export function questionOfRun() {
  const first = sql`(select min(part.position) from ${messages} part where part.run_id = ${messages.runId} and part.role = 'user')`;
  const where = and(eq(messages.role, "user"), eq(messages.position, first));
  return { ...MESSAGES_OF_PARENT, name: "run.question", filter: {}, where, parent: messages.runId };
}

/** The answer of a run (the parent); at most one. */
export function answerOfRun() {
  return { ...MESSAGES_OF_PARENT, name: "run.answer", ...ofRole("assistant"), parent: messages.runId };
}

const MESSAGES_OF_PARENT = { table: messages, key: [{ column: messages.position, kind: "integer" as const }] };

function ofRole(role: MessageRow["role"] | null | undefined) {
  return { filter: { role }, where: role ? eq(messages.role, role) : undefined };
}

/** How many messages the thread with this id has, as SQL. */
export function messageCountOf(threadId: SQLWrapper): SQL<number> {
  return sql<number>`(select count(*)::integer from ${messages} where ${messages.threadId} = ${threadId})`;
}

/** The number of messages per thread, in any order. */
export function countMessages(db: Db, threadIds: readonly string[]): Promise<{ threadId: string; count: number }[]> {
  return db
    .select({ threadId: sql<string>`thread.id`, count: messageCountOf(sql`thread.id`) })
    .from(sql`unnest(${uuidArray(threadIds)}) as thread(id)`);
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
  if (filter.text == null) return toRareCondition(MESSAGES_TO_SCAN, ofChat);
  const whereScanning = and(messageMatchesUnindexed(filter.text), ofChat);
  const where = and(messageMatches(filter.text), ofChat);
  return where && { where, whereScanning, rowsToScan: MESSAGES_TO_SCAN };
}
