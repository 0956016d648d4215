import { eq } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimWaitingReplies } from "../../src/db/queries/replies.ts";
import { claimRun } from "../../src/db/queries/run-queue.ts";
import { replies } from "../../src/db/schema/index.ts";
import { takeWorkerLock, type WorkerLock } from "../../src/db/worker-lock.ts";
import { insertReply, insertRun, insertThread } from "../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const BOT_ID = 1;
/** A worker that never took a lock under this number: as dead as one can be. */
const DEAD_WORKER = 999_999;

let store: TestDatabase;
let lock: WorkerLock;
beforeEach(async () => {
  store = await createTestDatabase();
  lock = await takeWorkerLock(store.database, () => undefined);
});
afterEach(async () => {
  await lock.release();
  await store.close();
});

/** A thread whose first answer was given by this worker and stored, and whose second question waits. */
async function answeredAndAskedAgain(workerId: number) {
  const { db } = store;
  const thread = await insertThread(db, { status: "open" });
  const answered = await insertRun(db, { threadId: thread.id, workerId });
  const reply = await insertReply(db, { runId: answered.id, chatId: thread.chatId, finalText: "The first answer." });
  const asked = await insertRun(db, { threadId: thread.id, position: 2, status: "queued" });
  return { reply, asked };
}

const claim = () => claimRun(store.db, { workerId: lock.workerId, botId: BOT_ID });
const claimReplies = () => claimWaitingReplies(store.db, { botId: BOT_ID, workerId: lock.workerId, limit: 10 });

test("a question waits until somebody delivers the answer before it, which a dead worker left", async () => {
  const { reply, asked } = await answeredAndAskedAgain(DEAD_WORKER);

  const tooEarly = await claim();
  const waiting = await claimReplies();
  const next = await claim();

  expect(tooEarly).toBeUndefined();
  expect(waiting.map(({ id, finalText }) => [id, finalText])).toEqual([[reply.id, "The first answer."]]);
  expect(next?.id).toBe(asked.id);
});

test("a question does not wait for an answer that a living worker delivers, nor for one that never will be", async () => {
  const delivering = await answeredAndAskedAgain(lock.workerId);
  const undeliverable = await answeredAndAskedAgain(DEAD_WORKER);
  await store.db
    .update(replies)
    .set({ status: "failed", error: "blocked" })
    .where(eq(replies.id, undeliverable.reply.id));

  const claimed = [await claim(), await claim()];

  expect(claimed.map((run) => run?.id)).toEqual([delivering.asked.id, undeliverable.asked.id]);
  expect(await claimReplies()).toEqual([]);
});
