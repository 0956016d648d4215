/**
 * The steps of a run as they are stored: rounds and tool calls. Its end is in `run-end.ts`, the text so far in `run-text.ts`.
 *
 * Each step is stored before it is acted on, so that another worker can continue from any of them.
 */
import { asc, eq, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { type inputCut, runItems, toolCalls } from "../../schema/index.ts";
import { type RunClaim, updateClaimed } from "./run-claim.ts";
import { insertRound, type RoundFacts, tokensOfRounds } from "./run-rounds.ts";

/** What a run's input lacked: nothing, the older runs of its thread, all runs before the question, or what the server cut. */
export type InputCut = (typeof inputCut.enumValues)[number];

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
  /** What the input lacked. */
  inputCut: InputCut;
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
      inputCut: round.inputCut,
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

/** Stores what the input of the next model call lacks. @throws {LeaseLostError} when the run belongs to another worker. */
export async function setInputCut(db: Db, claim: RunClaim, inputCut: InputCut): Promise<void> {
  await updateClaimed(db, claim, { inputCut });
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

const storedCall = {
  id: toolCalls.id,
  callId: toolCalls.callId,
  round: toolCalls.round,
  name: toolCalls.name,
  arguments: toolCalls.arguments,
  status: toolCalls.status,
  output: toolCalls.output,
};

/** Tells the subscriptions of admins, when the transaction commits. */
export function publishChange(tx: Db, claim: RunClaim): Promise<void> {
  return publish(tx, { type: "run-changed", threadId: claim.threadId, runId: claim.id });
}
