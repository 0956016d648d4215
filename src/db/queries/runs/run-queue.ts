/**
 * The `runs` table as a queue: runs are claimed by workers, held under a lease, and released.
 *
 * What a worker may write under its claim is in `run-claim.ts`, and the states of a run in `run-states.ts`.
 */
import { and, asc, eq, lt, ne, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { CLAIMED_STATUS, OPEN_STATUSES, QUEUED_STATUSES, RUNNING_STATUSES } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { publish } from "../../notify/notify.ts";
import {
  chats,
  hasStatus,
  messages,
  replies,
  runs,
  runText,
  staff,
  statusLiteral,
  threads,
} from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";
import { type StoredWindow, windowColumn } from "../chat/chat-windows.ts";
import { isBehind as isBehindAnother, takeOverReply } from "../chat/reply-order.ts";
import { isHeldUnder, LeaseLostError, type RunClaim } from "./run-claim.ts";
import { leaseEnd } from "./workers.ts";

/** A run, with everything that its worker needs. */
export interface ClaimedRun extends RunClaim {
  /** Attempts that do not count against the run, such as those that a shutdown ended. */
  handovers: number;
  /** How long ago the question was stored, in milliseconds, by the database's clock. */
  queuedMs: number;
  position: number;
  language: string;
  asker: { id: string | null; name: string | null; role: StaffRole };
  chat: {
    id: string;
    type: "private" | "group" | "supergroup" | "terminal";
    telegramId: number | null;
    window: StoredWindow;
  };
  topicId: number | null;
  stopRequested: boolean;
  /** When the question was stored. */
  queuedAt: Date;
  /** A picture or a file came with the question: the model does not see it. */
  hasAttachment: boolean;
  /** The Telegram messages that show it; null for the terminal. */
  reply: ReplyPlace | null;
}

export interface ReplyPlace {
  id: string;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
  /** Whether an earlier reply of its conversation is still to be delivered, by any process. */
  isBehind: boolean;
  /** How much text an earlier attempt may have shown, in characters. */
  shownLength: number;
}

/** SQL: whether a worker has the run. */
const isRunning = hasStatus(runs.status, RUNNING_STATUSES);

/**
 * Claims the next run for a worker of this bot: the oldest one that is queued and whose thread has no earlier open run, or
 * whose worker died or let its lease expire. Undefined when there is none.
 */
export async function claimRun(
  db: Db,
  { workerId, botId }: { workerId: number; botId: number },
): Promise<ClaimedRun | undefined> {
  // Looked up for each open run until one matches. A join would make the planner start with all chats.
  const isOfBot = sql`(select ${chats.botId} from ${threads} join ${chats} on ${chats.id} = ${threads.chatId}
    where ${threads.id} = ${runs.threadId}) = ${botId}`;
  // A lateral join makes the planner read the open runs in their order until one matches, independently of its statistics.
  // As one query it may look up and sort all of them, thousands under load, for each claim.
  const open = db
    .select({ id: runs.id })
    .from(runs)
    .where(hasStatus(runs.status, OPEN_STATUSES))
    .orderBy(asc(runs.queuedAt), asc(runs.threadId), asc(runs.position))
    .as("open");
  const matching = db
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.id, open.id), hasStatus(runs.status, OPEN_STATUSES), isFree(workerId), isOfBot))
    .for("update", { of: runs, skipLocked: true })
    .as("matching");
  const next = db.select({ id: matching.id }).from(open).crossJoinLateral(matching).limit(1);
  return beginRun(db, workerId, next);
}

/** SQL: whether this worker may claim the run: it is next in its thread, or another worker left it. */
function isFree(workerId: number): SQL {
  const earlier = alias(runs, "earlier");
  const isNext = sql`(${runs.waitsUntil} is null or ${runs.waitsUntil} <= clock_timestamp()) and not exists (select 1 from ${runs} ${earlier} where ${earlier.threadId} = ${runs.threadId}
    and ${earlier.position} < ${runs.position} and ${hasStatus(earlier.status, OPEN_STATUSES)})`;
  // Not for runs of this worker itself: it may die between the two times that one statement reads its state.
  const isLeft = or(
    lt(runs.leaseUntil, sql`now()`),
    and(ne(runs.workerId, workerId), sql`not ${workerIsAlive(runs.workerId)}`),
  );
  return sql`case when ${hasStatus(runs.status, QUEUED_STATUSES)} then ${isNext}
    when ${isRunning} then ${isLeft} else false end`;
}

/** Claims this queued run of any chat: for the terminal, where the process that asks also works on the run. */
export function claimRunById(
  db: Db,
  { runId, workerId }: { runId: string; workerId: number },
): Promise<ClaimedRun | undefined> {
  const one = db
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.id, runId), hasStatus(runs.status, QUEUED_STATUSES)))
    .for("update", { skipLocked: true });
  return beginRun(db, workerId, one);
}

/**
 * Returns one run to the queue under its claim. Changes nothing when the claim is lost. `counts`: whether the attempt counts
 * against the run, as after a bug: the run itself may have caused it.
 */
export async function releaseRun(db: Db, claim: RunClaim, { counts }: { counts: boolean }): Promise<void> {
  await release(db, isHeldUnder(claim), { counts });
}

/** Returns runs that a worker has claimed without knowing it: the answer to its claim was lost. */
export async function releaseStrays(db: Db, workerId: number, runIds: readonly string[]): Promise<void> {
  const isStray = sql`${runs.id} = any(${uuidArray(runIds)})`;
  await release(db, and(isStray, eq(runs.workerId, workerId), isRunning), { counts: false });
}

/**
 * Returns all runs of a worker to the queue at shutdown, so that other workers need not wait for its lease. A clean handover
 * does not count as an attempt.
 */
export async function releaseRuns(db: Db, workerId: number): Promise<void> {
  await release(db, and(eq(runs.workerId, workerId), isRunning), { counts: false });
}

/** The worker of these runs lived, and only lost the database: its attempts do not count, also if another worker has the runs by now. */
export async function uncountAttempts(db: Db, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  await db
    .update(runs)
    .set({ handovers: sql`${runs.handovers} + 1` })
    .where(and(sql`${runs.id} = any(${uuidArray(runIds)})`, isRunning));
}

/** How many attempts do not count against the run, as far as is known. @throws {LeaseLostError} */
export async function countHandovers(db: Db, claim: RunClaim): Promise<number> {
  const [row] = await db.select({ handovers: runs.handovers }).from(runs).where(isHeldUnder(claim));
  if (!row) throw new LeaseLostError(claim.id);
  return row.handovers;
}

async function release(db: Db, condition: SQL | undefined, { counts }: { counts: boolean }): Promise<void> {
  await db.transaction(async (tx) => {
    const released = await tx
      .update(runs)
      .set({ leaseUntil: sql`now()`, handovers: sql`${runs.handovers} + ${counts ? 0 : 1}` })
      .where(condition)
      .returning({ id: runs.id });
    for (const { id } of released) await publish(tx, { type: "run-queued", runId: id });
  });
}

async function beginRun(
  db: Db,
  workerId: number,
  candidate: ReturnType<Db["select"]> | object,
): Promise<ClaimedRun | undefined> {
  const begun = db.$with("begun").as(
    db
      .update(runs)
      .set({
        status: sql`case when ${isRunning} then ${runs.status} else ${statusLiteral(CLAIMED_STATUS)} end`,
        workerId,
        attempt: sql`${runs.attempt} + 1`,
        leaseUntil: leaseEnd,
        startedAt: sql`coalesce(${runs.startedAt}, now())`,
      })
      // A worker that lost its lock, and may not know it yet, must claim nothing: any worker could take its runs at once.
      .where(and(sql`${runs.id} = (${candidate})`, workerIsAlive(sql`${workerId}`)))
      .returning({ id: runs.id }),
  );
  const reply = db.$with("reply").as(takeOverReply(db, workerId, sql`${replies.runId} in (select id from ${begun})`));
  const [run] = await db.with(begun, reply).select({ id: begun.id }).from(begun);
  return run && getClaimedRun(db, run.id, workerId);
}

async function getClaimedRun(db: Db, runId: string, workerId: number): Promise<ClaimedRun | undefined> {
  const [row] = await db
    .select({
      id: runs.id,
      threadId: runs.threadId,
      attempt: runs.attempt,
      handovers: runs.handovers,
      queuedMs: sql<number>`(extract(epoch from clock_timestamp() - ${runs.queuedAt}) * 1000)::float8`,
      position: runs.position,
      language: runs.language,
      asker: { id: runs.askerId, name: staff.name, role: runs.askerRole },
      chat: { id: chats.id, type: chats.type, telegramId: chats.telegramId, window: windowColumn() },
      topicId: threads.topicId,
      stopRequested: sql<boolean>`${runs.stopRequestedAt} is not null`,
      queuedAt: runs.queuedAt,
      hasAttachment: sql<boolean>`exists (select from ${messages}
        where ${messages.runId} = ${runs.id} and ${messages.role} = 'user' and ${messages.hasAttachment})`,
      replyId: replies.id,
      replyToMessageId: replies.replyToMessageId,
      telegramMessageIds: replies.telegramMessageIds,
      isBehind: isBehindAnother(),
      shownLength: sql<number>`case when ${runs.attempt} = 1 then 0 else coalesce((select max("offset" + length("text"))
        from ${runText} where run_id = ${runs.id}), 0) end`,
    })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(chats, eq(chats.id, threads.chatId))
    .leftJoin(staff, eq(staff.id, runs.askerId))
    .leftJoin(replies, eq(replies.runId, runs.id))
    .where(and(eq(runs.id, runId), eq(runs.workerId, workerId)));
  if (!row) return undefined;
  const { replyId, replyToMessageId, telegramMessageIds, isBehind, shownLength, ...run } = row;
  const reply = { replyToMessageId, telegramMessageIds: telegramMessageIds ?? [], isBehind, shownLength };
  return { ...run, workerId, reply: replyId === null ? null : { ...reply, id: replyId } };
}
