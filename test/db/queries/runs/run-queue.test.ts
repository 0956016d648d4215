import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimRun, releaseRuns } from "../../../../src/db/queries/runs/run-queue.ts";
import { workers } from "../../../../src/db/schema/index.ts";
import { takeWorkerLock, type WorkerLock } from "../../../../src/db/worker-lock.ts";
import { insertReply, insertRun, insertThread } from "../../../support/conversations.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../../support/database.ts";

const BOT_ID = 1;
/** The number of a worker that never took a lock, and so is dead. */
const DEAD_WORKER = 999_999;

let store: TestDatabase;
let locks: WorkerLock[];
beforeEach(async () => {
  store = await createTestDatabase();
  locks = [await takeLock(), await takeLock()];
});
afterEach(async () => {
  for (const lock of locks) await lock.release();
  await store.close();
});

const takeLock = () => takeWorkerLock(store.database, { botId: BOT_ID, onLost: () => undefined });
const claim = (lock = locks[0]) => claimRun(store.db, { workerId: lock?.workerId ?? 0, botId: BOT_ID });

/** A thread whose first run this worker has ended, and whose second question waits. */
async function answeredAndAskedAgain(workerId: number) {
  const { db } = store;
  const thread = await insertThread(db, { status: "open" });
  const answered = await insertRun(db, { threadId: thread.id, workerId });
  await insertReply(db, { runId: answered.id, chatId: thread.chatId, workerId, finalText: "The first answer." });
  const asked = await insertRun(db, { threadId: thread.id, position: 2, status: "queued" });
  await insertReply(db, { runId: asked.id, chatId: thread.chatId });
  return { asked };
}

test("a question does not wait for the delivery of the previous answer, but its reply does", async () => {
  const { asked } = await answeredAndAskedAgain(DEAD_WORKER);

  const claimed = await claim();

  expect(claimed).toMatchObject({ id: asked.id, reply: { isBehind: true, shownLength: 0 } });
});

test("a frozen worker loses its runs when its lease expires, though it holds its lock", async () => {
  const { asked } = await answeredAndAskedAgain(DEAD_WORKER);
  await claim(locks[0]);
  const meanwhile = await claim(locks[1]);

  await store.db
    .update(workers)
    .set({ leaseUntil: sql`now() - interval '1 second'` })
    .where(sql`${workers.id} = ${locks[0]?.workerId}`);
  const takenOver = await claim(locks[1]);

  expect(meanwhile).toBeUndefined();
  expect(takenOver).toMatchObject({ id: asked.id, attempt: 2, handovers: 0 });
  expect(await locks[0]?.renew([asked.id], 60_000)).toBeUndefined();
  expect(await claim(locks[0])).toBeUndefined();
});

test("a run that was handed over cleanly has lost no attempt", async () => {
  await answeredAndAskedAgain(DEAD_WORKER);
  await claim(locks[0]);

  await releaseRuns(store.db, locks[0]?.workerId ?? 0);

  expect(await claim(locks[1])).toMatchObject({ attempt: 2, handovers: 1 });
});

test("a heartbeat waits for no lock of a run, and returns how many workers share the bot", async () => {
  await answeredAndAskedAgain(DEAD_WORKER);
  const run = await claim(locks[0]);
  const release = await holdLocks(store.db, (tx) =>
    tx.execute(sql`select 1 from runs where id = ${run?.id} for update`),
  );

  const heartbeat = await locks[0]?.renew([run?.id ?? ""], 60_000);
  await release();

  expect(heartbeat).toEqual({ runs: [{ id: run?.id, stopRequested: false }], liveWorkers: 2 });
});
