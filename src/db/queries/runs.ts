/**
 * Runs: the queue that the `runs` table is, and what a worker stores while it works on one.
 *
 * Every write of a worker is fenced by its number and the attempt: one that was thought dead changes nothing any more.
 * The statuses a run passes: queued -> in_progress <-> requires_action -> an end.
 */
import { and, asc, eq, inArray, isNull, lt, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { RunOutcome } from "../../events.ts";
import type { StaffRole } from "../../roles.ts";
import type { Db } from "../client.ts";
import { publish } from "../notify.ts";
import { chats, messages, replies, runItems, runs, runText, staff, threads, toolCalls } from "../schema/index.ts";
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
  /** The Telegram messages it is shown in; null for the terminal. */
  reply: ReplyPlace | null;
}

export interface ReplyPlace {
  id: string;
  replyToMessageId: number | null;
  telegramMessageIds: number[];
}

export interface StoredToolCall {
  id: string;
  callId: string;
  round: number;
  name: string;
  arguments: unknown;
  status: "pending" | "running" | "succeeded" | "failed";
  output: unknown;
}

export interface RoundUsage {
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

/** A finished model call: its items as they go back to the model, and the calls it asks for. */
export interface FinishedRound {
  round: number;
  items: object[];
  calls: { callId: string; name: string; arguments: unknown }[];
  usage: RoundUsage | null;
  model: string;
}

/** How a call ended: what the model reads, and in words for an admin what went wrong. */
export interface ToolCallEnd {
  output: unknown;
  error: string | null;
}

const RUNNING = ["in_progress", "requires_action"] as const;
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
    and ${earlier.position} < ${runs.position} and ${earlier.status} in ('queued', 'in_progress', 'requires_action'))`;
  const isLeft = or(lt(runs.leaseUntil, sql`now()`), sql`not ${workerIsAlive(runs.workerId)}`);
  const next = db
    .select({ id: runs.id })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(chats, eq(chats.id, threads.chatId))
    .where(
      and(
        eq(chats.botId, botId),
        or(and(eq(runs.status, "queued"), isNext), and(inArray(runs.status, [...RUNNING]), isLeft)),
      ),
    )
    .orderBy(asc(runs.queuedAt), asc(runs.position))
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
  return db
    .update(runs)
    .set({ leaseUntil: leaseEnd })
    .where(and(eq(runs.workerId, workerId), inArray(runs.id, [...runIds]), inArray(runs.status, [...RUNNING])))
    .returning({ id: runs.id, stopRequested: sql<boolean>`${runs.stopRequestedAt} is not null` });
}

/** Gives runs back to the queue for another worker to go on with, without waiting for the lease: at shutdown. */
export async function releaseRuns(db: Db, workerId: number): Promise<void> {
  await db
    .update(runs)
    .set({ leaseUntil: sql`now()` })
    .where(and(eq(runs.workerId, workerId), inArray(runs.status, [...RUNNING])));
}

/** What earlier attempts have stored of a run: the model's items by round, and the calls with their outputs. */
export async function findProgress(
  db: Db,
  runId: string,
): Promise<{ items: { round: number; item: object }[]; calls: StoredToolCall[] }> {
  const items = await db
    .select({ round: runItems.round, item: runItems.item })
    .from(runItems)
    .where(eq(runItems.runId, runId))
    .orderBy(asc(runItems.round), asc(runItems.position));
  const calls = await db
    .select(storedCall)
    .from(toolCalls)
    .where(eq(toolCalls.runId, runId))
    .orderBy(asc(toolCalls.round), asc(toolCalls.position));
  return { items: items.map(({ round, item }) => ({ round, item: item as object })), calls };
}

/**
 * Stores a finished round whole: items, calls (none has begun yet), usage. With calls the run requires action.
 *
 * @returns the stored calls in the model's order.
 * @throws {LeaseLostError} when the run belongs to another worker by now.
 */
export function storeRound(db: Db, claim: RunClaim, round: FinishedRound): Promise<StoredToolCall[]> {
  return db.transaction(async (tx) => {
    const { usage } = round;
    await updateClaimed(tx, claim, {
      status: round.calls.length > 0 ? "requires_action" : "in_progress",
      model: round.model,
      ...(usage && {
        inputTokens: add(runs.inputTokens, usage.inputTokens),
        cachedInputTokens: add(runs.cachedInputTokens, usage.cachedInputTokens),
        outputTokens: add(runs.outputTokens, usage.outputTokens),
        reasoningTokens: add(runs.reasoningTokens, usage.reasoningTokens),
      }),
    });
    const key = { runId: claim.id, round: round.round };
    if (round.items.length > 0) {
      await tx.insert(runItems).values(round.items.map((item, position) => ({ ...key, position, item })));
    }
    if (round.calls.length === 0) return [];
    const rows = round.calls.map((call, position) => ({ ...key, ...call, threadId: claim.threadId, position }));
    const stored = await tx.insert(toolCalls).values(rows).returning(storedCall);
    await publishChange(tx, claim);
    return stored;
  });
}

/** Marks a call as begun, before it begins. */
export function startToolCall(db: Db, claim: RunClaim, toolCallId: string): Promise<void> {
  return db.transaction(async (tx) => {
    await updateClaimed(tx, claim, {});
    await tx
      .update(toolCalls)
      .set({ status: "running", startedAt: sql`clock_timestamp()` })
      .where(eq(toolCalls.id, toolCallId));
    await publishChange(tx, claim);
  });
}

/** Stores how a call ended. A failure is an output too. */
export function endToolCall(db: Db, claim: RunClaim, toolCallId: string, end: ToolCallEnd): Promise<void> {
  return db.transaction(async (tx) => {
    await updateClaimed(tx, claim, {});
    await tx
      .update(toolCalls)
      .set({
        status: end.error === null ? "succeeded" : "failed",
        output: end.output,
        error: end.error,
        completedAt: sql`clock_timestamp()`,
      })
      .where(eq(toolCalls.id, toolCallId));
    await publishChange(tx, claim);
  });
}

/** All outputs of the round are in: the run goes on. */
export async function resumeRun(db: Db, claim: RunClaim): Promise<void> {
  await updateClaimed(db, claim, { status: "in_progress" });
}

/** Appends to the text so far; `offset` is where it belongs in the whole text, in UTF-16 units. */
export function appendRunText(
  db: Db,
  claim: RunClaim,
  piece: { offset: number; text: string; firstTokenAt: Date },
): Promise<void> {
  return db.transaction(async (tx) => {
    await updateClaimed(tx, claim, {
      firstTokenAt: sql`coalesce(${runs.firstTokenAt}, ${piece.firstTokenAt.toISOString()}::timestamptz)`,
    });
    await tx.insert(runText).values({ runId: claim.id, offset: piece.offset, text: piece.text });
    await publish(tx, { type: "text", threadId: claim.threadId, runId: claim.id, offset: piece.offset });
  });
}

/** Forgets the text so far from `offset` on: a takeover asks the model for the unfinished round again. */
export async function truncateRunText(db: Db, claim: RunClaim, offset: number): Promise<void> {
  await db.transaction(async (tx) => {
    await updateClaimed(tx, claim, {});
    await tx.delete(runText).where(and(eq(runText.runId, claim.id), sql`${runText.offset} >= ${offset}`));
  });
}

/**
 * Ends a run in one transaction: the Assistant's message (none when nothing was said), state, the reply's final text.
 * Calls that were not ended get an error output: every stored call has exactly one. Delivery is a matter of its own.
 */
export function endRun(
  db: Db,
  claim: RunClaim,
  end: { outcome: RunOutcome; text: string; completedAt: Date; finalText: string },
): Promise<void> {
  return db.transaction(async (tx) => {
    // The thread's lock before the run's: the same order as in `receiveMessage`, so that the two never deadlock.
    const [thread] = await tx
      .select({ nextPosition: threads.nextPosition })
      .from(threads)
      .where(eq(threads.id, claim.threadId))
      .for("update");
    const { status, errorCode, errorMessage } = end.outcome;
    const run = await updateClaimed(tx, claim, {
      status,
      errorCode,
      errorMessage,
      completedAt: end.completedAt,
      leaseUntil: null,
    });
    await endOpenCalls(tx, claim.id);
    if (end.text !== "" && thread) {
      await tx.insert(messages).values({
        threadId: claim.threadId,
        position: thread.nextPosition,
        role: "assistant",
        text: end.text,
        visibleTo: run.askerRole,
        runId: claim.id,
        createdAt: end.completedAt,
        completedAt: status === "completed" ? end.completedAt : null,
      });
      await tx
        .update(threads)
        .set({
          nextPosition: thread.nextPosition + 1,
          // The clock of the application may be behind the database's: activity never goes back.
          lastActivityAt: sql`greatest(${threads.lastActivityAt}, ${end.completedAt.toISOString()}::timestamptz)`,
        })
        .where(eq(threads.id, claim.threadId));
    }
    await tx.delete(runText).where(eq(runText.runId, claim.id));
    await tx.update(replies).set({ finalText: end.finalText }).where(eq(replies.runId, claim.id));
    await publishChange(tx, claim);
    // The thread's next message may be waiting for just this end.
    await publish(tx, { type: "run-queued", runId: claim.id });
  });
}

/** Ends the terminal's runs whose process is gone: nobody else works on them, and they would block its thread. */
export async function failLeftTerminalRuns(db: Db): Promise<void> {
  const left = db
    .select({ id: runs.id })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(chats, eq(chats.id, threads.chatId))
    .where(
      and(
        eq(chats.type, "terminal"),
        inArray(runs.status, ["queued", ...RUNNING]),
        or(isNull(runs.workerId), sql`not ${workerIsAlive(runs.workerId)}`),
      ),
    );
  const errorMessage = "The terminal was closed before the run ended.";
  await db.transaction(async (tx) => {
    const ended = await tx
      .update(runs)
      .set({ status: "failed", errorCode: "ABANDONED", errorMessage, completedAt: sql`now()`, leaseUntil: null })
      .where(inArray(runs.id, left))
      .returning({ id: runs.id });
    for (const { id } of ended) await endOpenCalls(tx, id);
  });
}

/** Another worker has the run, or it has ended: whoever gets this stops working on it and writes nothing more. */
export class LeaseLostError extends Error {
  readonly runId: string;

  constructor(runId: string) {
    super("the run belongs to another worker");
    this.runId = runId;
  }
}

const storedCall = {
  id: toolCalls.id,
  callId: toolCalls.callId,
  round: toolCalls.round,
  name: toolCalls.name,
  arguments: toolCalls.arguments,
  status: toolCalls.status,
  output: toolCalls.output,
};

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

async function updateClaimed(db: Db, claim: RunClaim, set: object): Promise<{ askerRole: StaffRole }> {
  const [row] = await db
    .update(runs)
    .set({ leaseUntil: leaseEnd, ...set })
    .where(
      and(
        eq(runs.id, claim.id),
        eq(runs.workerId, claim.workerId),
        eq(runs.attempt, claim.attempt),
        inArray(runs.status, [...RUNNING]),
      ),
    )
    .returning({ askerRole: runs.askerRole });
  if (!row) throw new LeaseLostError(claim.id);
  return row;
}

async function endOpenCalls(tx: Db, runId: string): Promise<void> {
  const error = "The run ended before this call did.";
  await tx
    .update(toolCalls)
    .set({ status: "failed", output: { error }, error, completedAt: sql`clock_timestamp()` })
    .where(and(eq(toolCalls.runId, runId), isNull(toolCalls.completedAt)));
}

function publishChange(tx: Db, claim: RunClaim): Promise<void> {
  return publish(tx, { type: "run-changed", threadId: claim.threadId, runId: claim.id });
}

function add(column: typeof runs.inputTokens, more: number) {
  return sql<number>`coalesce(${column}, 0) + ${more}`;
}
