/**
 * Questions that arrive in several messages: Telegram's clients cut a paste at 4,096 UTF-16 units, and each picture of an album may
 * have a text. The messages stay as they came, and one run answers all of them.
 *
 * A run whose question may go on waits for a second. A part is known by its length or its album, its author and its time.
 */
import { and, asc, eq, sql } from "drizzle-orm";
import { RUN_STATES } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { chats, messages, runs, staff, threads } from "../../schema/index.ts";
import { isTopic, type Place } from "./places.ts";

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
  /** Telegram's id of the album that it belongs to. */
  mediaGroupId?: string | null;
  /** What its author replies to; undefined for nothing. */
  quote: { quoteText: string | null } | undefined;
  /** By Telegram's clock. */
  sentAt?: Date;
}

/** SQL: until when the run of a question waits for its next part; null when it does not wait. */
export function waitsUntil(part: Part) {
  return mayGoOn(part) ? sql<Date>`clock_timestamp() + make_interval(secs => ${WAIT_SECONDS})` : null;
}

export function mayGoOn({ text, mediaGroupId = null }: Pick<Part, "text" | "mediaGroupId">): boolean {
  return mediaGroupId !== null || (text.length >= MIN_PART_LENGTH && text.length <= MAX_PART_LENGTH);
}

/**
 * Whether a run at this place waits for the next part of this person's question: in a group, the bot is addressed by the first
 * part only.
 */
export async function isPartAwaited(db: Db, { chat, topicId }: Place, telegramUserId: number): Promise<boolean> {
  if (chat.type === "terminal") return false;
  const isHere = and(eq(chats.botId, chat.botId), eq(chats.telegramId, chat.telegramId), isTopic(topicId));
  const [run] = await db
    .select({ id: runs.id })
    .from(chats)
    .innerJoin(threads, eq(threads.chatId, chats.id))
    .innerJoin(runs, eq(runs.id, threads.waitingRunId))
    .innerJoin(staff, eq(staff.id, runs.askerId))
    .where(and(isHere, eq(threads.status, "open"), eq(staff.telegramUserId, telegramUserId)))
    .limit(1);
  return run !== undefined;
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
    .select({
      text: messages.text,
      sentAt: messages.sentAt,
      forwarded: messages.forwarded,
      mediaGroupId: messages.mediaGroupId,
      quoteText: messages.quoteText,
    })
    .from(messages)
    .where(and(eq(messages.runId, run.id), eq(messages.role, "user")))
    .orderBy(asc(messages.position));
  const length = parts.reduce((sum, { text }) => sum + text.length, part.text.length);
  const isSamePerson = run.askerId === asker.authorId && run.askerRole === asker.role;
  const last = parts.at(-1);
  if (isSamePerson && last && goesOn(last, part) && length <= MAX_QUESTION_LENGTH) return run;
  await tx.update(runs).set({ waitsUntil: null }).where(eq(runs.id, run.id));
  return null;
}

type StoredPart = Required<Pick<Part, "text" | "forwarded" | "mediaGroupId">> & {
  sentAt: Date;
  quoteText: string | null;
};

/** A client repeats the reply with each part, or leaves it out after the first. */
function goesOn(last: StoredPart, part: Part): boolean {
  const gapMs = (part.sentAt?.getTime() ?? Number.NaN) - last.sentAt.getTime();
  const isInTime = gapMs >= 0 && gapMs <= WAIT_SECONDS * 1_000;
  const isSameKind = last.mediaGroupId === null || last.mediaGroupId === part.mediaGroupId;
  const isSameReply = part.quote === undefined || part.quote.quoteText === last.quoteText;
  return isInTime && isSameKind && isSameReply && last.forwarded === part.forwarded;
}

/** After a part was stored: the run waits for the next one, or no longer. */
export async function updateWait(tx: Db, { threadId, runId }: { threadId: string; runId: string }, part: Part) {
  await tx
    .update(runs)
    .set({ waitsUntil: waitsUntil(part) })
    .where(eq(runs.id, runId));
  if (!mayGoOn(part)) await tx.update(threads).set({ waitingRunId: null }).where(eq(threads.id, threadId));
}

/** The parts of a question as one text. Each part that is shorter than the limit was cut at a blank, which its client left out. */
export function joinParts(texts: readonly string[]): string {
  return texts.reduce((whole, text, index) => {
    if (index === 0) return text;
    return whole + (texts[index - 1]?.length === MAX_PART_LENGTH ? "" : "\n") + text;
  }, "");
}
