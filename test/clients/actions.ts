/** Actions that a test performs on the server while a client is subscribed: write to a thread, or cut the client off. */
import { eq, sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";
import { publish } from "../../src/db/notify/notify.ts";
import { messages, runs, runText } from "../../src/db/schema/index.ts";
import { decodeGlobalId, encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { insertMessages, insertRun, insertToolCall } from "../support/conversations.ts";

/** By name. Arguments and results are JSON, with the API's ids. The action is committed when it resolves. */
export type Actions = ReturnType<typeof createActions>;

/** `cutStreams`: closes every connection with a pending response. */
export function createActions(db: Db, cutStreams: () => void) {
  const rowId = (globalId: string) => decodeGlobalId(globalId).id;
  return {
    async say({ threadId, text }: { threadId: string; text: string }) {
      const id = rowId(threadId);
      await insertMessages(db, id, [{ position: await nextPosition(db, id), text }]);
      await notify(db);
      return {};
    },
    async beginRun({ threadId }: { threadId: string }) {
      const id = rowId(threadId);
      // After the seeded run.
      const run = await insertRun(db, { threadId: id, position: 2, status: "in_progress" });
      await notify(db);
      return { runId: encodeGlobalId("Run", run.id) };
    },
    async callTool({ runId, threadId }: { runId: string; threadId: string }) {
      const run = { id: rowId(runId), threadId: rowId(threadId) };
      await insertToolCall(db, run, { name: "CheckOutOfStock", output: { products: 2 } });
      await notify(db);
      return {};
    },
    async write({ runId, offset, text }: { runId: string; offset: number; text: string }) {
      await db.insert(runText).values({ runId: rowId(runId), offset, text });
      await notify(db);
      return {};
    },
    async endRun({ runId, threadId, text }: { runId: string; threadId: string; text: string }) {
      const run = rowId(runId);
      const thread = rowId(threadId);
      const position = await nextPosition(db, thread);
      await db.transaction(async (tx) => {
        await tx.update(runs).set({ status: "completed", completedAt: new Date() }).where(eq(runs.id, run));
        await insertMessages(tx, thread, [{ position, role: "assistant", runId: run, text }]);
        await tx.delete(runText).where(eq(runText.runId, run));
      });
      await notify(db);
      return {};
    },
    async cut() {
      cutStreams();
      return {};
    },
  };
}

/** Sends a notice, as the product does after a commit, so that the API polls at once. */
function notify(db: Db): Promise<void> {
  return publish(db, { type: "changed" });
}

async function nextPosition(db: Db, threadId: string): Promise<number> {
  const [row] = await db
    .select({ last: sql<number>`max(${messages.position})` })
    .from(messages)
    .where(eq(messages.threadId, threadId));
  return (row?.last ?? 0) + 1;
}
