/** The history of a thread, as the model may see it. */
import { and, asc, desc, eq, inArray, lt } from "drizzle-orm";
import { rolesUpTo, type StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { messages, runs } from "../../schema/index.ts";

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
  return newest.reverse();
}

/** The question that a run answers. @throws when there is none: a run is never stored without one. */
export async function getQuestion(db: Db, runId: string): Promise<{ text: string; forwarded: boolean }> {
  const [question] = await db
    .select({ text: messages.text, forwarded: messages.forwarded })
    .from(messages)
    .where(and(eq(messages.runId, runId), eq(messages.role, "user")))
    .orderBy(asc(messages.position))
    .limit(1);
  if (!question) throw new Error(`run ${runId} has no question`);
  return question;
}
