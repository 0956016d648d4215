/** What admins read of runs and of the delivery of their replies. */
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { chats, replies, runs, threads } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import { runCostsOver } from "./admin-costs.ts";
import type { Listing } from "./admin-paging.ts";
import { inRange, type TimeRange } from "./admin-range.ts";
import { isAskedWith } from "./admin-rounds.ts";

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
};

/** A run's reply in Telegram, with what there is to know where it has none. */
export type DeliveryRow = {
  readonly runId: string;
  readonly chatType: (typeof chats.$inferSelect)["type"];
  readonly runCompletedAt: Date | null;
  /** Null while the run has no reply: in the terminal, or before the reply begins. */
  readonly reply: typeof replies.$inferSelect | null;
};

/** The runs of all threads, by when they were queued. */
export function listRuns(filter: RunFilter): Listing<RunRow> {
  return {
    name: "runs.queuedAt",
    table: runs,
    filter,
    where: whereRun(filter),
    key: [
      { column: runs.queuedAt, kind: "instant" },
      { column: runs.id, kind: "uuid" },
    ],
  };
}

/** The runs of a thread (the parent), by the message that each answers. */
export function listRunsOfThread(filter: RunFilter): Listing<RunRow> {
  return {
    name: "thread.runs",
    table: runs,
    filter,
    where: whereRun(filter),
    key: [{ column: runs.position, kind: "integer" }],
    parent: runs.threadId,
  };
}

/** The runs with these ids, in no order; one that does not exist is left out. */
export function findRuns(db: Db, ids: readonly string[]): Promise<RunRow[]> {
  return db
    .select()
    .from(runs)
    .where(sql`${runs.id} = any(${uuidArray(ids)})`);
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

function whereRun(filter: RunFilter): SQL | undefined {
  return and(
    filter.threadId ? eq(runs.threadId, filter.threadId) : undefined,
    filter.status ? inArray(runs.status, [...filter.status]) : undefined,
    filter.errorCode ? eq(runs.errorCode, filter.errorCode) : undefined,
    filter.model ? eq(runs.model, filter.model) : undefined,
    inRange(runs.queuedAt, filter.queued),
    filter.promptVersion ? isAskedWith(filter.promptVersion) : undefined,
    filter.costOver ? runCostsOver(filter.costOver) : undefined,
  );
}
