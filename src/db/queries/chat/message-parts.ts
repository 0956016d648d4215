/**
 * Long questions that arrive in several messages: Telegram's clients cut a paste at 4,096 UTF-16 units. The messages stay as they
 * came, and one run answers all of them.
 *
 * A run whose question may go on waits for a second. A part is known by its length, its author and its time.
 */
import { and, asc, eq, sql } from "drizzle-orm";
import { RUN_STATES } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, runs, threads } from "../../schema/index.ts";

/** Telegram's limit of a message, in UTF-16 units. A part of this length may end in the middle of a word. */
const MAX_PART_LENGTH = 4_096;

/** Clients cut at the end of a word or line where there is one near. */
const MIN_PART_LENGTH = 3_900;

/** How long a part waits for the next one, in seconds. Telegram's dates are whole seconds. */
const WAIT_SECONDS = 1;

/** A question in more parts is cut: the next part is a question of its own. In UTF-16 units. */
const MAX_QUESTION_LENGTH = 32_768;

/** A message that may be a part. */
export interface Part {
  text: string;
  forwarded: boolean;
  /** By Telegram's clock. */
  sentAt?: Date;
}

/** SQL: until when the run of a question waits for its next part; null when it does not wait. */
export function waitsUntil(part: Part) {
  return mayGoOn(part) ? sql<Date>`clock_timestamp() + make_interval(secs => ${WAIT_SECONDS})` : null;
}

export function mayGoOn({ text, forwarded }: Part): boolean {
  return text.length >= MIN_PART_LENGTH && text.length <= MAX_PART_LENGTH && !forwarded;
}

/**
 * The queued run whose question goes on with this message, locked until the transaction ends; null when the message is a
 * question of its own. The thread must be locked. Ends the wait of a run whose question does not go on.
 */
export async function findRunOfPart(
  tx: Db,
  { waitingRunId, ...asker }: { waitingRunId: string; authorId: string | null; role: StaffRole },
  part: Part,
): Promise<{ id: string } | null> {
  const [run] = await tx
    .select({ id: runs.id, status: runs.status, askerId: runs.askerId, askerRole: runs.askerRole })
    .from(runs)
    .where(eq(runs.id, waitingRunId))
    .for("update");
  if (!run || RUN_STATES[run.status].phase !== "queued") return null;
  const parts = await tx
    .select({ text: messages.text, sentAt: messages.sentAt })
    .from(messages)
    .where(and(eq(messages.runId, run.id), eq(messages.role, "user")))
    .orderBy(asc(messages.position));
  const length = parts.reduce((sum, { text }) => sum + text.length, part.text.length);
  const isSamePerson = run.askerId === asker.authorId && run.askerRole === asker.role;
  const gapMs = (part.sentAt?.getTime() ?? Number.NaN) - (parts.at(-1)?.sentAt.getTime() ?? Number.NaN);
  const isPart = isSamePerson && !part.forwarded && gapMs >= 0 && gapMs <= WAIT_SECONDS * 1_000;
  if (isPart && length <= MAX_QUESTION_LENGTH) return run;
  await tx.update(runs).set({ waitsUntil: null }).where(eq(runs.id, run.id));
  return null;
}

/** After a part was stored: the run waits for the next one, or no longer. */
export async function updateWait(tx: Db, { threadId, runId }: { threadId: string; runId: string }, part: Part) {
  await tx
    .update(runs)
    .set({ waitsUntil: waitsUntil(part) })
    .where(eq(runs.id, runId));
  if (!mayGoOn(part)) await tx.update(threads).set({ waitingRunId: null }).where(eq(threads.id, threadId));
}

/** The parts of a question as one text. A part that is shorter than the limit was cut at a blank, which its client left out. */
export function joinParts(texts: readonly string[]): string {
  return texts.reduce((whole, text, index) => {
    if (index === 0) return text;
    return whole + (texts[index - 1]?.length === MAX_PART_LENGTH ? "" : "\n") + text;
  }, "");
}
