/** The end of a run: its state, the Assistant's message and the reply's final text, in one transaction. */
import { and, eq, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { RunOutcome } from "../../../events.ts";
import { OPEN_STATUSES } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { chats, hasStatus, messages, replies, runs, runText, threads, toolCalls } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";
import { type RunClaim, updateClaimed } from "./run-claim.ts";
import { publishChange } from "./run-steps.ts";
import { instantAgo } from "./run-text.ts";

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

async function endOpenCalls(tx: Db, runId: string): Promise<void> {
  const error = "The run ended before this call did.";
  await tx
    .update(toolCalls)
    .set({ status: "failed", output: { error }, error, completedAt: sql`clock_timestamp()` })
    .where(and(eq(toolCalls.runId, runId), isNull(toolCalls.completedAt)));
}
