/**
 * The queue that the `runs` table is: runs claimed, kept by lease and lock, given back.
 *
 * Every write of a worker is fenced by its number and the attempt: one that was thought dead changes nothing any more.
 * The statuses a run passes: queued -> in_progress <-> requires_action -> an end.
 */
import { and, asc, eq, inArray, lt, or, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { StaffRole } from "../../roles.ts";
import type { Db } from "../client.ts";
import { chats, replies, runs, staff, threads } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import { workerIsAlive } from "../worker-lock.ts";

/** How long a worker's claim lasts unless it is renewed, in seconds. Its death is noticed at once, by its lock. */
export const LEASE_SECONDS = 10;

/** The key under which a worker writes. */
export interface RunClaim {
  id: string;
  threadId: string;
  workerId: number;
  attempt: number;
}

/** A run as its worker needs to know it. */
export interface ClaimedRun extends RunClaim {
  position: number;
  language: string;
  asker: { id: string | null; name: string | null; role: StaffRole };
  chat: { id: string; type: "private" | "group" | "supergroup" | "terminal"; telegramId: number | null };
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
}

/** Another worker has the run, or it has ended: whoever gets this stops working on it and writes nothing more. */
export class LeaseLostError extends Error {
  readonly runId: string;

  constructor(runId: string) {
    super("the run belongs to another worker");
    this.runId = runId;
  }
}

/** The statuses of a run that a worker works on. */
export const RUNNING = ["in_progress", "requires_action"] as const;

/** SQL, with the words in it: where they are parameters, the planner cannot know that a partial index fits. */
function isOpen(status: SQLWrapper): SQL {
  return sql`${status} in ('queued', 'in_progress', 'requires_action')`;
}

function isRunning(status: SQLWrapper): SQL {
  return sql`${status} in ('in_progress', 'requires_action')`;
}

const leaseEnd = sql`now() + make_interval(secs => ${LEASE_SECONDS})`;

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
    and ${earlier.position} < ${runs.position} and ${isOpen(earlier.status)})`;
  const isLeft = or(lt(runs.leaseUntil, sql`now()`), sql`not ${workerIsAlive(runs.workerId)}`);
  // An answer that a dead process left undelivered goes first: whoever finds it delivers it, and then this run is next.
  const undelivered = sql`exists (select 1 from ${runs} ${earlier} join ${replies} on ${replies.runId} = ${earlier.id}
    where ${earlier.threadId} = ${runs.threadId} and ${earlier.position} < ${runs.position}
    and ${replies.finalText} is not null and ${replies.status} in ('pending', 'partial')
    and not ${workerIsAlive(sql`coalesce(${replies.workerId}, ${earlier.workerId})`)})`;
  // Looked up for each run that is open, oldest first, until one fits. A join would make the planner begin with all chats.
  const isOfBot = sql`(select ${chats.botId} from ${threads} join ${chats} on ${chats.id} = ${threads.chatId}
    where ${threads.id} = ${runs.threadId}) = ${botId}`;
  const next = db
    .select({ id: runs.id })
    .from(runs)
    .where(
      and(
        isOpen(runs.status),
        or(and(sql`${runs.status} = 'queued'`, isNext, sql`not ${undelivered}`), and(isRunning(runs.status), isLeft)),
        isOfBot,
      ),
    )
    .orderBy(asc(runs.queuedAt), asc(runs.threadId), asc(runs.position))
    .limit(1)
    .for("update", { of: runs, skipLocked: true });
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
    .where(and(eq(runs.id, runId), eq(runs.status, "queued")))
    .for("update", { skipLocked: true });
  return beginRun(db, workerId, one);
}

/**
 * Renews a worker's leases of the runs that it works on; one that it gave up is left to run out.
 *
 * @returns the runs it still holds, with whether a stop was asked for (a notice of it may be lost): what it works on
 * beside these was taken over.
 */
export function renewLeases(
  db: Db,
  workerId: number,
  runIds: readonly string[],
): Promise<{ id: string; stopRequested: boolean }[]> {
  const own = db
    .select({ id: runs.id })
    .from(runs)
    .where(
      and(
        eq(runs.workerId, workerId),
        // One parameter however many they are: else each number of runs were a statement of its own.
        sql`${runs.id} = any(${uuidArray(runIds)})`,
        isRunning(runs.status),
      ),
    )
    // In one order, so that two such statements never wait for each other.
    .orderBy(asc(runs.id))
    .for("no key update");
  return db
    .update(runs)
    .set({ leaseUntil: leaseEnd })
    .where(sql`${runs.id} in (${own})`)
    .returning({ id: runs.id, stopRequested: sql<boolean>`${runs.stopRequestedAt} is not null` });
}

/** Gives one run back to the queue under its claim; changes nothing when the claim is lost. */
export async function releaseRun(db: Db, claim: RunClaim): Promise<void> {
  await db.update(runs).set({ leaseUntil: sql`now()` }).where(isHeldUnder(claim));
}

/** Gives runs back to the queue for another worker to go on with, without waiting for the lease: at shutdown. */
export async function releaseRuns(db: Db, workerId: number): Promise<void> {
  await db
    .update(runs)
    .set({ leaseUntil: sql`now()` })
    .where(and(eq(runs.workerId, workerId), inArray(runs.status, [...RUNNING])));
}

/**
 * Changes a run under its claim, and renews the lease with it.
 *
 * @throws {LeaseLostError} when the run belongs to another worker, or has ended.
 */
export async function updateClaimed(db: Db, claim: RunClaim, set: object): Promise<{ askerRole: StaffRole }> {
  const [row] = await db
    .update(runs)
    .set({ leaseUntil: leaseEnd, ...set })
    .where(isHeldUnder(claim))
    .returning({ askerRole: runs.askerRole });
  if (!row) throw new LeaseLostError(claim.id);
  return row;
}

function isHeldUnder(claim: RunClaim): SQL | undefined {
  return and(
    eq(runs.id, claim.id),
    eq(runs.workerId, claim.workerId),
    eq(runs.attempt, claim.attempt),
    inArray(runs.status, [...RUNNING]),
  );
}

async function beginRun(
  db: Db,
  workerId: number,
  candidate: ReturnType<Db["select"]> | object,
): Promise<ClaimedRun | undefined> {
  const [begun] = await db
    .update(runs)
    .set({
      status: sql`case when ${runs.status} = 'queued' then 'in_progress' else ${runs.status} end`,
      workerId,
      attempt: sql`${runs.attempt} + 1`,
      leaseUntil: leaseEnd,
      startedAt: sql`coalesce(${runs.startedAt}, now())`,
    })
    // A worker that lost its lock, and may not know it yet, must claim nothing: its runs would be anyone's at once.
    .where(and(sql`${runs.id} = (${candidate})`, workerIsAlive(sql`${workerId}`)))
    .returning({ id: runs.id });
  return begun && getClaimedRun(db, begun.id, workerId);
}

async function getClaimedRun(db: Db, runId: string, workerId: number): Promise<ClaimedRun | undefined> {
  const [row] = await db
    .select({
      id: runs.id,
      threadId: runs.threadId,
      attempt: runs.attempt,
      position: runs.position,
      language: runs.language,
      askerId: runs.askerId,
      askerRole: runs.askerRole,
      askerName: staff.name,
      chat: { id: chats.id, type: chats.type, telegramId: chats.telegramId },
      topicId: threads.topicId,
      stopRequestedAt: runs.stopRequestedAt,
      queuedAt: runs.queuedAt,
      replyId: replies.id,
      replyToMessageId: replies.replyToMessageId,
      telegramMessageIds: replies.telegramMessageIds,
    })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(chats, eq(chats.id, threads.chatId))
    .leftJoin(staff, eq(staff.id, runs.askerId))
    .leftJoin(replies, eq(replies.runId, runs.id))
    .where(and(eq(runs.id, runId), eq(runs.workerId, workerId)));
  if (!row) return undefined;
  const { askerId, askerRole, askerName, stopRequestedAt, replyId, replyToMessageId, telegramMessageIds, ...run } = row;
  return {
    ...run,
    workerId,
    asker: { id: askerId, name: askerName, role: askerRole },
    stopRequested: stopRequestedAt !== null,
    reply: replyId === null ? null : { id: replyId, replyToMessageId, telegramMessageIds: telegramMessageIds ?? [] },
  };
}
