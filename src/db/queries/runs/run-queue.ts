/**
 * The queue that the `runs` table is: runs claimed, kept by lease and lock, given back.
 *
 * Every write of a worker is fenced by its number and the attempt: one that was thought dead changes nothing any more.
 * The states that a run passes through are in `run-states.ts`.
 */
import { and, asc, eq, lt, ne, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { CLAIMABLE_STATUSES, CLAIMED_STATUS, OPEN_STATUSES, RUNNING_STATUSES } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { publish } from "../../notify/notify.ts";
import { chats, hasStatus, replies, runs, runText, staff, statusLiteral, threads } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";
import { type StoredWindow, windowColumn } from "../chat/chat-windows.ts";
import { isBehind, takeOverReply } from "../chat/reply-order.ts";
import { isHeldUnder, LeaseLostError, type RunClaim } from "./run-claim.ts";
import { leaseEnd } from "./workers.ts";

/** A run as its worker needs to know it. */
export interface ClaimedRun extends RunClaim {
  /** Attempts that ended in good order: they count against nothing. */
  handovers: number;
  /** How long ago it was asked, in milliseconds, by the database's clock. */
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
  /** When it was asked. */
  queuedAt: Date;
  /** The Telegram messages it is shown in; null for the terminal. */
  reply: ReplyPlace | null;
}

export interface ReplyPlace {
  id: string;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
  /** Whether a reply before it in its conversation is still to be delivered, by whomever. */
  isBehind: boolean;
  /** Of the text so far, what an earlier attempt may have shown, in characters. */
  shownLength: number;
}

/** SQL: whether a worker has the run. */
const isRunning = hasStatus(runs.status, RUNNING_STATUSES);

/**
 * Claims the next run that may be worked on, for a worker of this bot: the oldest queued one whose thread has no earlier
 * run open, or one whose worker died or lost its lease. Undefined when there is none.
 */
export async function claimRun(
  db: Db,
  { workerId, botId }: { workerId: number; botId: number },
): Promise<ClaimedRun | undefined> {
  const earlier = alias(runs, "earlier");
  const isNext = sql`not exists (select 1 from ${runs} ${earlier} where ${earlier.threadId} = ${runs.threadId}
    and ${earlier.position} < ${runs.position} and ${hasStatus(earlier.status, OPEN_STATUSES)})`;
  // Not by its number where that is this worker's own: it may die between the two looks at it that one statement takes.
  const isLeft = or(
    lt(runs.leaseUntil, sql`now()`),
    and(ne(runs.workerId, workerId), sql`not ${workerIsAlive(runs.workerId)}`),
  );
  // Looked up for each run that is open, oldest first, until one fits. A join would make the planner begin with all chats.
  const isOfBot = sql`(select ${chats.botId} from ${threads} join ${chats} on ${chats.id} = ${threads.chatId}
    where ${threads.id} = ${runs.threadId}) = ${botId}`;
  // In this form whatever the planner believes of the tables: the open runs in their order, each looked at only until one
  // fits. In one query it looks up all of them first and sorts them, a rush of thousands for each claim.
  const open = db
    .select({ id: runs.id })
    .from(runs)
    .where(hasStatus(runs.status, OPEN_STATUSES))
    .orderBy(asc(runs.queuedAt), asc(runs.threadId), asc(runs.position))
    .as("open");
  const fitting = db
    .select({ id: runs.id })
    .from(runs)
    .where(
      and(
        eq(runs.id, open.id),
        hasStatus(runs.status, OPEN_STATUSES),
        sql`case when ${hasStatus(runs.status, CLAIMABLE_STATUSES)} then ${isNext}
          when ${hasStatus(runs.status, RUNNING_STATUSES)} then ${isLeft} else false end`,
        isOfBot,
      ),
    )
    .for("update", { of: runs, skipLocked: true })
    .as("fitting");
  const next = db.select({ id: fitting.id }).from(open).crossJoinLateral(fitting).limit(1);
  return beginRun(db, workerId, next);
}

/** Claims one given queued run, whatever its chat: for the terminal, where the asker works it. */
export function claimRunById(
  db: Db,
  { runId, workerId }: { runId: string; workerId: number },
): Promise<ClaimedRun | undefined> {
  const one = db
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.id, runId), hasStatus(runs.status, CLAIMABLE_STATUSES)))
    .for("update", { skipLocked: true });
  return beginRun(db, workerId, one);
}

/**
 * Gives one run back to the queue under its claim; changes nothing when the claim is lost. `counts`: whether that was an
 * attempt of the run's, as after a fault of ours, which may be the run's own doing.
 */
export async function releaseRun(db: Db, claim: RunClaim, { counts }: { counts: boolean }): Promise<void> {
  await handOver(db, isHeldUnder(claim), { counts });
}

/** Gives back what a worker has claimed without hearing of it: its claim's answer was lost on the way. */
export async function releaseStrays(db: Db, workerId: number, runIds: readonly string[]): Promise<void> {
  const isStray = sql`${runs.id} = any(${uuidArray(runIds)})`;
  await handOver(db, and(isStray, eq(runs.workerId, workerId), isRunning), { counts: false });
}

/**
 * Gives runs back to the queue for another worker to go on with, without waiting for the lease: at shutdown. That is no fault
 * of theirs, and counts as no attempt.
 */
export async function releaseRuns(db: Db, workerId: number): Promise<void> {
  await handOver(db, and(eq(runs.workerId, workerId), isRunning), { counts: false });
}

/** The worker of these runs lost the database, and lives: whoever has them by now, that attempt was no fault of theirs. */
export async function uncountAttempts(db: Db, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  await db
    .update(runs)
    .set({ handovers: sql`${runs.handovers} + 1` })
    .where(and(sql`${runs.id} = any(${uuidArray(runIds)})`, isRunning));
}

/** How many attempts at a run were no fault of its own, as is known by now. @throws {LeaseLostError} */
export async function countHandovers(db: Db, claim: RunClaim): Promise<number> {
  const [row] = await db.select({ handovers: runs.handovers }).from(runs).where(isHeldUnder(claim));
  if (!row) throw new LeaseLostError(claim.id);
  return row.handovers;
}

async function handOver(db: Db, isMeant: SQL | undefined, { counts }: { counts: boolean }): Promise<void> {
  await db.transaction(async (tx) => {
    const released = await tx
      .update(runs)
      .set({ leaseUntil: sql`now()`, handovers: sql`${runs.handovers} + ${counts ? 0 : 1}` })
      .where(isMeant)
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
      // A worker that lost its lock, and may not know it yet, must claim nothing: its runs would be anyone's at once.
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
      replyId: replies.id,
      replyToMessageId: replies.replyToMessageId,
      telegramMessageIds: replies.telegramMessageIds,
      isBehind: isBehind(),
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
  const { replyId, replyToMessageId, telegramMessageIds, isBehind: behind, shownLength, ...run } = row;
  const reply = { replyToMessageId, telegramMessageIds: telegramMessageIds ?? [], isBehind: behind, shownLength };
  return { ...run, workerId, reply: replyId === null ? null : { ...reply, id: replyId } };
}
