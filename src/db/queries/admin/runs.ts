/** What admins read of runs and of the delivery of their replies. */
import { and, eq, exists, gt, inArray, isNotNull, not, or, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { chats, replies, runs, threads, toolCalls } from "../../schema/index.ts";
import { runCostsOver } from "./costs.ts";
import { isThreadInEnvironment } from "./environments.ts";
import type { Listing, RareCondition } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { asksOnly, inChat, isOneOf, ROWS_TO_WALK, rarely } from "./related.ts";
import { isAskedWith } from "./rounds.ts";

export type RunRow = typeof runs.$inferSelect;

/** All that are given must hold. */
export type RunFilter = {
  readonly threadId?: string | null | undefined;
  /** One of these; an empty list finds nothing. */
  readonly status?: readonly RunRow["status"][] | null | undefined;
  readonly errorCode?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly queued?: TimeRange | null | undefined;
  /** Of one of its rounds. */
  readonly promptVersion?: string | null | undefined;
  /** US dollars that it cost more than, a plain decimal. */
  readonly costOver?: string | null | undefined;
  /** Who asked. */
  readonly staffMemberId?: string | null | undefined;
  readonly chatId?: string | null | undefined;
  /** From beginning to end. */
  readonly slowerThanMs?: number | null | undefined;
  /** From the question's storing to the model's first words. */
  readonly firstTextLaterThanMs?: number | null | undefined;
  /** One of these, as `deliveryStatus` in `graphql/types/delivery.ts` says it; an empty list finds nothing. */
  readonly delivery?: readonly DeliveryStatus[] | null | undefined;
  /** The name of a tool that was called in it. */
  readonly usedTool?: string | null | undefined;
};

export type RunOrder = "queuedAt" | "durationMs";
export type DeliveryStatus = (typeof replies.$inferSelect)["status"];

/** A run's reply in Telegram, with what there is to know where it has none. */
export type DeliveryRow = {
  readonly runId: string;
  readonly chatType: (typeof chats.$inferSelect)["type"];
  readonly runCompletedAt: Date | null;
  /** Null while the run has no reply: in the terminal, or before the reply begins. */
  readonly reply: typeof replies.$inferSelect | null;
};

/**
 * The runs of all threads of a side (`admin-sides.ts`), by when they were queued or by how long they took: those that have not
 * ended count as shortest.
 */
export function listRuns(db: Db, filter: RunFilter, order: RunOrder, sandbox: boolean): Listing<RunRow> {
  return {
    name: `runs.${order}`,
    table: runs,
    filter,
    isSteady: order === "queuedAt" && asksOnly(filter, ["status", "staffMemberId", "queued"]),
    where: and(whereRun(filter, sandbox), order === "durationMs" ? slowerThan(filter) : undefined),
    rare: rareRun(db, filter, order),
    key: [
      order === "queuedAt" ? { column: runs.queuedAt, kind: "instant" } : { column: runs.durationMs, kind: "integer" },
      { column: runs.id, kind: "uuid" },
    ],
  };
}

/** The runs of a thread (the parent), by the message that each answers or by how long they took. */
export function listRunsOfThread(db: Db, filter: RunFilter, order: RunOrder, sandbox: boolean): Listing<RunRow> {
  const ofAll = listRuns(db, filter, order, sandbox);
  const name = `thread.runs.${order}`;
  if (order === "durationMs") return { ...ofAll, name, parent: runs.threadId };
  return { ...ofAll, name, parent: runs.threadId, key: [{ column: runs.position, kind: "integer" }] };
}

/** The runs with these ids, in no order; one that does not exist on this side is left out. */
export function findRuns(db: Db, ids: readonly string[], sandbox: boolean): Promise<RunRow[]> {
  return db
    .select()
    .from(runs)
    .where(and(sql`${runs.id} = any(${uuidArray(ids)})`, isThreadInEnvironment(runs.threadId, sandbox)));
}

/** The delivery of each of these runs, in no order. */
export function findDeliveries(db: Db, runIds: readonly string[]): Promise<DeliveryRow[]> {
  return db
    .select({ runId: runs.id, chatType: chats.type, runCompletedAt: runs.completedAt, reply: replies })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(chats, eq(chats.id, threads.chatId))
    .leftJoin(replies, eq(replies.runId, runs.id))
    .where(sql`${runs.id} = any(${uuidArray(runIds)})`);
}

function whereRun(filter: RunFilter, sandbox: boolean): SQL | undefined {
  return and(
    isThreadInEnvironment(runs.threadId, sandbox),
    filter.threadId ? eq(runs.threadId, filter.threadId) : undefined,
    filter.status ? isOneOf(runs.status, filter.status) : undefined,
    filter.errorCode == null ? undefined : eq(runs.errorCode, filter.errorCode),
    filter.staffMemberId ? eq(runs.askerId, filter.staffMemberId) : undefined,
    inRange(runs.queuedAt, filter.queued),
  );
}

function slowerThan({ slowerThanMs }: RunFilter): SQL | undefined {
  return slowerThanMs == null ? undefined : gt(runs.durationMs, slowerThanMs);
}

function rareRun(db: Db, filter: RunFilter, order: RunOrder): RareCondition | undefined {
  return rarely(
    ROWS_TO_WALK,
    filter.model == null ? undefined : eq(runs.model, filter.model),
    filter.chatId ? inChat(runs.threadId, filter.chatId) : undefined,
    order === "durationMs" ? undefined : slowerThan(filter),
    filter.firstTextLaterThanMs == null
      ? undefined
      : sql`${runs.firstTokenAt} - ${runs.queuedAt} > ${filter.firstTextLaterThanMs}::bigint * interval '1 millisecond'`,
    filter.delivery ? isDelivered(db, filter.delivery) : undefined,
    filter.usedTool == null ? undefined : exists(callsOf(db, filter.usedTool)),
    filter.promptVersion == null ? undefined : isAskedWith(filter.promptVersion),
    filter.costOver ? runCostsOver(filter.costOver) : undefined,
  );
}

/** See `DeliveryRow`: where there is no reply, what can be seen follows from the run and its chat. */
function isDelivered(db: Db, statuses: readonly DeliveryStatus[]): SQL | undefined {
  const reply = db.select({ one: sql`1` }).from(replies).where(eq(replies.runId, runs.id));
  const withStatus = exists(
    db
      .select({ one: sql`1` })
      .from(replies)
      .where(and(eq(replies.runId, runs.id), inArray(replies.status, [...statuses]))),
  );
  const isSeen = and(isNotNull(runs.completedAt), inTerminal(db));
  return or(
    withStatus,
    statuses.includes("delivered") && isSeen ? and(not(exists(reply)), isSeen) : undefined,
    statuses.includes("pending") && isSeen ? and(not(exists(reply)), not(isSeen)) : undefined,
  );
}

function inTerminal(db: Db): SQL {
  return exists(
    db
      .select({ one: sql`1` })
      .from(threads)
      .innerJoin(chats, eq(chats.id, threads.chatId))
      .where(and(eq(threads.id, runs.threadId), eq(chats.type, "terminal"))),
  );
}

function callsOf(db: Db, tool: string) {
  return db
    .select({ one: sql`1` })
    .from(toolCalls)
    .where(and(eq(toolCalls.runId, runs.id), eq(toolCalls.name, tool)));
}
