/** The history of a thread, as the model may see it. */
import { and, asc, desc, eq, inArray, lt } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { isHigherRole, rolesUpTo, type StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, runs } from "../../schema/index.ts";
import { joinParts } from "../chat/message-parts.ts";

/** What the model gets of a message. */
export interface MessageContent {
  text: string;
  forwarded: boolean;
  /** A picture or a file came with it, which the model does not get. */
  hasAttachment: boolean;
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
  return withJoinedParts(newest.reverse()).map(({ runId, role: by, ...row }) => ({
    runId,
    role: by,
    ...toContent(row, role),
  }));
}

/** Neighbouring messages of a person in one run are the parts of one question. */
function withJoinedParts<Row extends { runId: string; role: "user" | "assistant"; text: string }>(
  history: Row[],
): Row[] {
  const joined: { first: Row; parts: string[] }[] = [];
  for (const message of history) {
    const before = joined.at(-1);
    const isPart = before?.first.role === "user" && message.role === "user" && before.first.runId === message.runId;
    if (isPart) before.parts.push(message.text);
    else joined.push({ first: message, parts: [message.text] });
  }
  return joined.map(({ first, parts }) => ({ ...first, text: joinParts(parts) }));
}

/**
 * The question that a run answers, for the role of its asker. Several messages may be its parts.
 *
 * @throws when there is none: a run is never stored without one.
 */
export async function getQuestion(db: Db, runId: string, role: StaffRole): Promise<MessageContent> {
  const parts = await db
    .select(contentColumns)
    .from(messages)
    .leftJoin(quoted, eq(quoted.id, messages.quoteMessageId))
    .where(and(eq(messages.runId, runId), eq(messages.role, "user")))
    .orderBy(asc(messages.position));
  const [first] = parts;
  if (!first) throw new Error(`run ${runId} has no question`);
  return toContent({ ...first, text: joinParts(parts.map(({ text }) => text)) }, role);
}

/** The message that a message replies to. */
const quoted = alias(messages, "quoted");

const contentColumns = {
  text: messages.text,
  forwarded: messages.forwarded,
  hasAttachment: messages.hasAttachment,
  quoteText: messages.quoteText,
  quoteContext: messages.quoteContext,
  quoteVisibleTo: messages.quoteVisibleTo,
  quotedRole: quoted.role,
};

interface ContentRow {
  text: string;
  forwarded: boolean;
  hasAttachment: boolean;
  quoteText: string | null;
  quoteContext: string | null;
  quoteVisibleTo: StaffRole | null;
  quotedRole: "user" | "assistant" | null;
}

function toContent({ text, forwarded, hasAttachment, ...row }: ContentRow, role: StaffRole): MessageContent {
  return { text, forwarded, hasAttachment, quote: toQuote(row, role) };
}

function toQuote(row: Omit<ContentRow, "text" | "forwarded" | "hasAttachment">, role: StaffRole): Quote | null {
  const { quoteText: text, quoteContext: context, quoteVisibleTo: lowest, quotedRole } = row;
  if (text === null) return null;
  if (lowest !== null && isHigherRole(lowest, role)) return { kind: "hidden" };
  return { kind: "shown", text, context, isAnswer: quotedRole === "assistant" };
}
