import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { countLiveWorkers, countOpenRuns, countWaitingDeliveries } from "../../../../src/db/queries/process/metrics.ts";
import { takeWorkerLock } from "../../../../src/db/worker-lock.ts";
import { insertReply, insertRun, insertThread } from "../../../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.close());

const ago = (seconds: number) => sql`now() - make_interval(secs => ${seconds})`;

type RunValues = Omit<Parameters<typeof insertRun>[1], "threadId">;

async function newRun(values: RunValues = {}) {
  const thread = await insertThread(store.db);
  const run = await insertRun(store.db, { ...values, threadId: thread.id });
  return { runId: run.id, chatId: thread.chatId };
}

test("in an empty database all counts and ages are 0", async () => {
  expect(await countOpenRuns(store.db)).toEqual({ queuedRuns: 0, runningRuns: 0, oldestQueuedSeconds: 0 });
  expect(await countWaitingDeliveries(store.db)).toEqual({ waitingDeliveries: 0, oldestDeliverySeconds: 0 });
  expect(await countLiveWorkers(store.db)).toBe(0);
});

test("queued runs are counted with the age of the oldest, running ones separately, ended ones not", async () => {
  await newRun({ status: "queued", queuedAt: ago(90) });
  await newRun({ status: "queued", queuedAt: ago(30) });
  for (const status of ["in_progress", "requires_action"] as const) await newRun({ status, queuedAt: ago(5_000) });
  for (const status of ["completed", "failed", "cancelled"] as const) await newRun({ status, queuedAt: ago(9_000) });

  const { queuedRuns, runningRuns, oldestQueuedSeconds } = await countOpenRuns(store.db);

  expect({ queuedRuns, runningRuns }).toEqual({ queuedRuns: 2, runningRuns: 2 });
  expect(oldestQueuedSeconds).toBeGreaterThanOrEqual(90);
  expect(oldestQueuedSeconds).toBeLessThan(5_000);
});

test("a run behind another run of its thread does not wait for a worker, and has no age", async () => {
  for (const status of ["in_progress", "queued"] as const) {
    const thread = await insertThread(store.db);
    await insertRun(store.db, { threadId: thread.id, position: 1, status, queuedAt: ago(30) });
    await insertRun(store.db, { threadId: thread.id, position: 3, status: "queued", queuedAt: ago(500) });
  }

  const { queuedRuns, oldestQueuedSeconds } = await countOpenRuns(store.db);

  expect(queuedRuns).toBe(3);
  expect(oldestQueuedSeconds).toBeGreaterThanOrEqual(30);
  expect(oldestQueuedSeconds).toBeLessThan(500);
});

test("a run queued in the future by another machine's clock has waited 0 seconds", async () => {
  await newRun({ status: "queued", queuedAt: ago(-600) });

  expect(await countOpenRuns(store.db)).toEqual({ queuedRuns: 1, runningRuns: 0, oldestQueuedSeconds: 0 });
});

test("a delivery waits from its run's end until it is delivered or failed, and is as old as its question", async () => {
  await insertReply(store.db, { ...(await newRun()), finalText: "All is well.", createdAt: ago(120) });
  await insertReply(store.db, { ...(await newRun()), finalText: "Half of it.", status: "partial" });
  const running = await newRun({ status: "in_progress" });
  await insertReply(store.db, { ...running, finalText: null, createdAt: ago(9_000) });
  await insertReply(store.db, {
    ...(await newRun()),
    finalText: "Seen.",
    status: "delivered",
    deliveredAt: new Date(),
  });
  await insertReply(store.db, { ...(await newRun()), finalText: "Never.", status: "failed", error: "blocked" });

  const { waitingDeliveries, oldestDeliverySeconds } = await countWaitingDeliveries(store.db);

  expect(waitingDeliveries).toBe(2);
  expect(oldestDeliverySeconds).toBeGreaterThanOrEqual(120);
  expect(oldestDeliverySeconds).toBeLessThan(9_000);
});

test("a worker is alive while it holds its lock, in any process, and workers of other databases do not count", async () => {
  const other = await createTestDatabase();
  const locks = [store.database, store.database, other.database].map((database) =>
    takeWorkerLock(database, { botId: 1, onLost: () => undefined }),
  );
  const [first, ...others] = await Promise.all(locks);

  const before = await countLiveWorkers(store.db);
  await first?.release();

  expect(before).toBe(2);
  await expect.poll(() => countLiveWorkers(store.db)).toBe(1);
  for (const lock of others) await lock.release();
  await other.close();
});
