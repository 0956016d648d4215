/** The history of a thread, as the model may see it. */
import { and, asc, desc, eq, inArray, lt } from "drizzle-orm";
import { rolesUpTo, type StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, runs } from "../../schema/index.ts";
import { joinParts } from "../chat/message-parts.ts";

export interface HistoryMessage {
  runId: string;
  role: "user" | "assistant";
  text: string;
  forwarded: boolean;
}

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
    .select({ runId: runs.id, role: messages.role, text: messages.text, forwarded: messages.forwarded })
    .from(messages)
    .innerJoin(runs, eq(runs.id, messages.runId))
    .where(
      and(eq(runs.threadId, threadId), lt(runs.position, beforePosition), inArray(messages.visibleTo, rolesUpTo(role))),
    )
    .orderBy(desc(runs.position), desc(messages.position))
    .limit(limit);
  return withJoinedParts(newest.reverse());
}

/** Neighbouring messages of a person in one run are the parts of one question. */
function withJoinedParts(history: HistoryMessage[]): HistoryMessage[] {
  const joined: (HistoryMessage & { parts: string[] })[] = [];
  for (const message of history) {
    const before = joined.at(-1);
    if (before?.role === "user" && message.role === "user" && before.runId === message.runId)
      before.parts.push(message.text);
    else joined.push({ ...message, parts: [message.text] });
  }
  return joined.map(({ parts, ...message }) => ({ ...message, text: joinParts(parts) }));
}

/**
 * The question that a run answers, of which several messages may be the parts.
 *
 * @throws when there is none: a run is never stored without one.
 */
export async function getQuestion(db: Db, runId: string): Promise<{ text: string; forwarded: boolean }> {
  const parts = await db
    .select({ text: messages.text, forwarded: messages.forwarded })
    .from(messages)
    .where(and(eq(messages.runId, runId), eq(messages.role, "user")))
    .orderBy(asc(messages.position));
  const [first] = parts;
  if (!first) throw new Error(`run ${runId} has no question`);
  return { ...first, text: joinParts(parts.map(({ text }) => text)) };
}
