/** Queries of runs and of the delivery of their replies for admins. */
import { and, eq, exists, gt, inArray, isNotNull, not, or, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { chats, replies, runs, threads, toolCalls } from "../../schema/index.ts";
import { runCostsOver } from "./costs.ts";
import { isThreadInEnvironment } from "./environments.ts";
import type { Listing, RareCondition } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { hasOnlyFields, inChat, isOneOf, ROWS_TO_SCAN, toRareCondition } from "./related.ts";
import { usesPromptVersion } from "./rounds.ts";

export type RunRow = typeof runs.$inferSelect;

/** All given conditions must hold. */
export type RunFilter = {
  readonly threadId?: string | null | undefined;
  /** One of these. An empty list matches nothing. */
  readonly status?: readonly RunRow["status"][] | null | undefined;
  readonly errorCode?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly queued?: TimeRange | null | undefined;
  /** The version of the prompt and the tools in one of its rounds. */
  readonly promptVersion?: string | null | undefined;
  /** Runs that cost more than this, in US dollars as a plain decimal. */
  readonly costOver?: string | null | undefined;
  /** Who asked. */
  readonly staffMemberId?: string | null | undefined;
  readonly chatId?: string | null | undefined;
  /** By the time from start to end. */
  readonly slowerThanMs?: number | null | undefined;
  /** By the time from storing the question to the model's first text. */
  readonly firstTextLaterThanMs?: number | null | undefined;
  /** One of these, by the rule of `deliveryStatus` in `graphql/types/runs/delivery.ts`. An empty list matches nothing. */
  readonly delivery?: readonly DeliveryStatus[] | null | undefined;
  /** The name of a tool that the run called. */
  readonly usedTool?: string | null | undefined;
};

export type RunOrder = "queuedAt" | "durationMs";
export type DeliveryStatus = (typeof replies.$inferSelect)["status"];

/** The reply of a run in Telegram, and what the status depends on if there is none. */
export type DeliveryRow = {
  readonly runId: string;
  readonly chatType: (typeof chats.$inferSelect)["type"];
  readonly runCompletedAt: Date | null;
  /** Null without a reply: in a terminal chat, or before the reply begins. */
  readonly reply: typeof replies.$inferSelect | null;
};

/** The runs of all threads of an environment, by time of queueing or by duration. Runs that have not ended count as shortest. */
export function listRuns(db: Db, filter: RunFilter, order: RunOrder, sandbox: boolean): Listing<RunRow> {
  return {
    name: `runs.${order}`,
    table: runs,
    filter,
    isSteady: order === "queuedAt" && hasOnlyFields(filter, ["status", "staffMemberId", "queued"]),
    where: and(whereRun(filter, sandbox), order === "durationMs" ? slowerThan(filter) : undefined),
    rare: rareRun(db, filter, order),
    key: [
      order === "queuedAt" ? { column: runs.queuedAt, kind: "instant" } : { column: runs.durationMs, kind: "integer" },
      { column: runs.id, kind: "uuid" },
    ],
  };
}

/** The runs of a thread (the parent), by the position of their question or by duration. */
export function listRunsOfThread(db: Db, filter: RunFilter, order: RunOrder, sandbox: boolean): Listing<RunRow> {
  const allRuns = listRuns(db, filter, order, sandbox);
  const name = `thread.runs.${order}`;
  if (order === "durationMs") return { ...allRuns, name, parent: runs.threadId };
  return { ...allRuns, name, parent: runs.threadId, key: [{ column: runs.position, kind: "integer" }] };
}

/** The runs with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findRuns(db: Db, ids: readonly string[], sandbox: boolean): Promise<RunRow[]> {
  return db
    .select()
    .from(runs)
    .where(and(sql`${runs.id} = any(${uuidArray(ids)})`, isThreadInEnvironment(runs.threadId, sandbox)));
}

/** The delivery of each of these runs, in any order. */
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
  return toRareCondition(
    ROWS_TO_SCAN,
    filter.model == null ? undefined : eq(runs.model, filter.model),
    filter.chatId ? inChat(runs.threadId, filter.chatId) : undefined,
    order === "durationMs" ? undefined : slowerThan(filter),
    filter.firstTextLaterThanMs == null
      ? undefined
      : sql`${runs.firstTokenAt} - ${runs.queuedAt} > ${filter.firstTextLaterThanMs}::bigint * interval '1 millisecond'`,
    filter.delivery ? hasDeliveryStatus(db, filter.delivery) : undefined,
    filter.usedTool == null ? undefined : exists(callsOf(db, filter.usedTool)),
    filter.promptVersion == null ? undefined : usesPromptVersion(filter.promptVersion),
    filter.costOver ? runCostsOver(filter.costOver) : undefined,
  );
}

/** Without a reply the status follows from the run and its chat: see `DeliveryRow`. */
function hasDeliveryStatus(db: Db, statuses: readonly DeliveryStatus[]): SQL | undefined {
  const reply = db.select({ one: sql`1` }).from(replies).where(eq(replies.runId, runs.id));
  const withStatus = exists(
    db
      .select({ one: sql`1` })
      .from(replies)
      .where(and(eq(replies.runId, runs.id), inArray(replies.status, [...statuses]))),
  );
  const isShown = and(isNotNull(runs.completedAt), inTerminal(db));
  return or(
    withStatus,
    statuses.includes("delivered") && isShown ? and(not(exists(reply)), isShown) : undefined,
    statuses.includes("pending") && isShown ? and(not(exists(reply)), not(isShown)) : undefined,
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
