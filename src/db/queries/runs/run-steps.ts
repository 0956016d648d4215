/**
 * The steps of a run as they are stored: rounds, tool calls, the end. The text so far is in `run-text.ts`.
 *
 * Each step is stored before it is acted on, so that another worker can continue from any of them.
 */
import { and, asc, eq, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { RunOutcome } from "../../../events.ts";
import { OPEN_STATUSES } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import {
  chats,
  hasStatus,
  messages,
  replies,
  runItems,
  runs,
  runText,
  threads,
  toolCalls,
} from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";
import { type RunClaim, updateClaimed } from "./run-claim.ts";
import { insertRound, type RoundFacts, tokensOfRounds } from "./run-rounds.ts";
import { instantAgo } from "./run-text.ts";

export interface StoredToolCall {
  id: string;
  callId: string;
  round: number;
  name: string;
  arguments: unknown;
  status: "pending" | "running" | "succeeded" | "failed";
  output: unknown;
}

/** A finished model call: its items as they are sent back to the model, and the tool calls that it asks for. */
export interface FinishedRound extends RoundFacts {
  round: number;
  items: object[];
  calls: { callId: string; name: string; arguments: unknown }[];
}

/** How a call ended: the output for the model, and for admins what went wrong. */
export interface ToolCallEnd {
  output: unknown;
  error: string | null;
}

/** What earlier attempts at a run have stored: the model's items by round, and the calls with their outputs. */
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
 * Stores a finished round: its items, its calls (none has begun yet), its facts. With calls the run requires action.
 *
 * @returns the stored calls in the model's order.
 * @throws {LeaseLostError} when the run belongs to another worker.
 */
export function storeRound(db: Db, claim: RunClaim, round: FinishedRound): Promise<StoredToolCall[]> {
  return db.transaction(async (tx) => {
    const key = { runId: claim.id, round: round.round };
    await insertRound(tx, key, round);
    await updateClaimed(tx, claim, {
      status: round.calls.length > 0 ? "requires_action" : "in_progress",
      model: round.model,
      ...tokensOfRounds(claim.id),
    });
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

/** Marks a call as running, before it begins. */
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

/** All outputs of the round are stored: the run continues. */
export async function resumeRun(db: Db, claim: RunClaim): Promise<void> {
  await updateClaimed(db, claim, { status: "in_progress" });
}

export interface RunEnd {
  outcome: RunOutcome;
  /** The Assistant's text; empty when there was none. */
  text: string;
  /** How long ago the first token came, in milliseconds; null when none came. */
  firstTokenAgeMs: number | null;
  /** The whole reply as Markdown. */
  finalText: string;
}

/**
 * Ends a run in one transaction: its state, the Assistant's message (none without text), the reply's final text. Calls that
 * have not ended get an error output: every stored call has exactly one output. Delivery is a separate step.
 *
 * @returns when the run ended, by the database's clock.
 * @throws {LeaseLostError} when the run belongs to another worker.
 */
export function endRun(db: Db, claim: RunClaim, end: RunEnd): Promise<Date> {
  return db.transaction(async (tx) => {
    // The thread's lock before the run's: the same order as in `receiveMessage`, so that the two never deadlock.
    const [thread] = await tx
      .select({ nextPosition: threads.nextPosition })
      .from(threads)
      .where(eq(threads.id, claim.threadId))
      .for("update");
    const { askerRole, completedAt } = await updateClaimed(tx, claim, {
      ...end.outcome,
      // A short answer ends before any of its text is stored.
      firstTokenAt: sql`coalesce(${runs.firstTokenAt}, ${instantAgo(sql`${end.firstTokenAgeMs}::float8`)})`,
      // As exact as a `Date`: the message gets the same time.
      completedAt: sql`date_trunc('milliseconds', clock_timestamp())`,
      leaseUntil: null,
    });
    if (!completedAt) throw new Error("a run that has ended has a time");
    await endOpenCalls(tx, claim.id);
    if (thread) await storeAnswer(tx, claim, { ...end, ...thread, askerRole, completedAt });
    await tx.delete(runText).where(eq(runText.runId, claim.id));
    await tx.update(replies).set({ finalText: end.finalText }).where(eq(replies.runId, claim.id));
    await publishChange(tx, claim);
    // The next message of the thread may be waiting for this end.
    await publish(tx, { type: "run-queued", runId: claim.id });
    return completedAt;
  });
}

/** Stores the Assistant's message at the next position of its locked thread; nothing without text. */
async function storeAnswer(
  tx: Db,
  { id: runId, threadId }: RunClaim,
  answer: RunEnd & { nextPosition: number; askerRole: StaffRole; completedAt: Date },
): Promise<void> {
  const { outcome, text, nextPosition: position, askerRole, completedAt } = answer;
  if (text === "") return;
  await tx.insert(messages).values({
    threadId,
    position,
    role: "assistant",
    text,
    visibleTo: askerRole,
    runId,
    createdAt: completedAt,
    completedAt: outcome.status === "completed" ? completedAt : null,
  });
  await tx
    .update(threads)
    .set({
      nextPosition: position + 1,
      // A message may have arrived within the same millisecond, with a later time: activity never goes back.
      lastActivityAt: sql`greatest(${threads.lastActivityAt}, ${completedAt.toISOString()}::timestamptz)`,
    })
    .where(eq(threads.id, threadId));
}

/** Fails runs of the terminal whose process is gone: nobody else works on them, and they would block its thread. */
export async function failAbandonedTerminalRuns(db: Db): Promise<void> {
  const left = db
    .select({ id: runs.id })
    .from(runs)
    .innerJoin(threads, eq(threads.id, runs.threadId))
    .innerJoin(chats, eq(chats.id, threads.chatId))
    .where(
      and(
        eq(chats.type, "terminal"),
        hasStatus(runs.status, OPEN_STATUSES),
        or(
          // Another terminal may be about to claim a run that it has just queued.
          and(isNull(runs.workerId), sql`${runs.queuedAt} < now() - interval '1 minute'`),
          and(isNotNull(runs.workerId), sql`not ${workerIsAlive(runs.workerId)}`),
        ),
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

const storedCall = {
  id: toolCalls.id,
  callId: toolCalls.callId,
  round: toolCalls.round,
  name: toolCalls.name,
  arguments: toolCalls.arguments,
  status: toolCalls.status,
  output: toolCalls.output,
};

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
