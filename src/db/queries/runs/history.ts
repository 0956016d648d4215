/** The history of a thread, as the model may see it. */
import { and, asc, desc, eq, inArray, lt } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { isHigherRole, rolesUpTo, type StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, runs } from "../../schema/index.ts";

/** What the model gets of a message. */
export interface MessageContent {
  text: string;
  forwarded: boolean;
  /** What its author replied to. */
  quote: Quote | null;
}

export interface HistoryMessage extends MessageContent {
  runId: string;
  role: "user" | "assistant";
}

export type Quote =
  /** The author's role may not see it. */
  | { kind: "hidden" }
  /** `context`: the whole message that the text is a part of; null when the text is all of it, or all that is known. */
  | { kind: "shown"; text: string; context: string | null; isAnswer: boolean };

/**
 * The messages of the runs before a position, in the order of the runs, each question before its answer: a question that
 * arrived during another's answer comes after that answer. At most the newest `limit` messages.
 *
 * Messages by or for a higher role than `role` are left out.
 */
export async function findHistory(
  db: Db,
  {
    threadId,
    beforePosition,
    role,
    limit,
  }: { threadId: string; beforePosition: number; role: StaffRole; limit: number },
): Promise<HistoryMessage[]> {
  const newest = await db
    .select({ runId: runs.id, role: messages.role, ...contentColumns })
    .from(messages)
    .innerJoin(runs, eq(runs.id, messages.runId))
    .leftJoin(quoted, eq(quoted.id, messages.quoteMessageId))
    .where(
      and(eq(runs.threadId, threadId), lt(runs.position, beforePosition), inArray(messages.visibleTo, rolesUpTo(role))),
    )
    .orderBy(desc(runs.position), desc(messages.position))
    .limit(limit);
  return newest.reverse().map(({ runId, role: by, ...row }) => ({ runId, role: by, ...toContent(row, role) }));
}

/** The question that a run answers, for the role of its asker. @throws when there is none: a run is never stored without one. */
export async function getQuestion(db: Db, runId: string, role: StaffRole): Promise<MessageContent> {
  const [question] = await db
    .select(contentColumns)
    .from(messages)
    .leftJoin(quoted, eq(quoted.id, messages.quoteMessageId))
    .where(and(eq(messages.runId, runId), eq(messages.role, "user")))
    .orderBy(asc(messages.position))
    .limit(1);
  if (!question) throw new Error(`run ${runId} has no question`);
  return toContent(question, role);
}

/** The message that a message replies to. */
const quoted = alias(messages, "quoted");

const contentColumns = {
  text: messages.text,
  forwarded: messages.forwarded,
  quoteText: messages.quoteText,
  quoteContext: messages.quoteContext,
  quoteVisibleTo: messages.quoteVisibleTo,
  quotedRole: quoted.role,
};

interface ContentRow {
  text: string;
  forwarded: boolean;
  quoteText: string | null;
  quoteContext: string | null;
  quoteVisibleTo: StaffRole | null;
  quotedRole: "user" | "assistant" | null;
}

function toContent({ text, forwarded, ...row }: ContentRow, role: StaffRole): MessageContent {
  return { text, forwarded, quote: toQuote(row, role) };
}

function toQuote(row: Omit<ContentRow, "text" | "forwarded">, role: StaffRole): Quote | null {
  const { quoteText: text, quoteContext: context, quoteVisibleTo: lowest, quotedRole } = row;
  if (text === null) return null;
  if (lowest !== null && isHigherRole(lowest, role)) return { kind: "hidden" };
  return { kind: "shown", text, context, isAnswer: quotedRole === "assistant" };
}
