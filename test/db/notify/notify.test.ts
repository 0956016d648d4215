import { sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Listener, listen, type Notification, publish } from "../../../src/db/notify/notify.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let testDatabase: TestDatabase;
let listeners: Listener[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
});

afterEach(async () => {
  for (const listener of listeners) await listener.close();
  listeners = [];
});

afterAll(() => testDatabase.close());

test("a notification arrives when its transaction commits, and never after a rollback", async () => {
  const { events } = await startListening();
  const { db } = testDatabase;

  const rolledBack = db.transaction(async (tx) => {
    await publish(tx, { type: "run-queued", runId: "rolled back" });
    throw new Error("no");
  });
  await expect(rolledBack).rejects.toThrow("no");
  let arrivedBeforeCommit: unknown[] = [];
  await db.transaction(async (tx) => {
    await publish(tx, { type: "run-changed", threadId: "t", runId: "committed" });
    await roundTrip();
    arrivedBeforeCommit = [...events];
  });

  await expect.poll(() => events).toHaveLength(2);
  expect(arrivedBeforeCommit).toEqual(["gap"]);
  expect(events).toEqual(["gap", { type: "run-changed", threadId: "t", runId: "committed" }]);
});

test("two listeners both get a notification, and a closed one gets no more", async () => {
  const one = await startListening();
  const two = await startListening();

  await publish(testDatabase.db, { type: "run-stop", runId: "first" });
  await expect.poll(() => [one.events.length, two.events.length]).toEqual([2, 2]);
  await one.listener.close();
  await publish(testDatabase.db, { type: "run-stop", runId: "second" });

  await expect.poll(() => two.events).toHaveLength(3);
  expect(one.events).toEqual(["gap", { type: "run-stop", runId: "first" }]);
});

test("after its connection was cut a listener reports a gap, and continues", async () => {
  const { events } = await startListening();

  await testDatabase.db.execute(sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where application_name = 'counterhand listener' and datname = current_database()`);
  await expect.poll(() => events).toEqual(["gap", "gap"]);
  await publish(testDatabase.db, { type: "run-stop", runId: "r" });

  await expect.poll(() => events).toEqual(["gap", "gap", { type: "run-stop", runId: "r" }]);
});

test("an unknown payload is ignored with a reason, and the next one arrives", async () => {
  const { events, ignored } = await startListening();
  const payloads = [
    "not JSON",
    "{}",
    '{"type":"coffee"}',
    '{"type":"text","pieces":[{"threadId":"t","runId":"r","offset":-1}]}',
  ];

  for (const payload of payloads) await testDatabase.db.execute(sql`select pg_notify('counterhand', ${payload})`);
  await publish(testDatabase.db, { type: "run-changed", threadId: "t", runId: "r" });

  await expect.poll(() => events).toEqual(["gap", { type: "run-changed", threadId: "t", runId: "r" }]);
  expect(ignored).toHaveLength(payloads.length);
  expect(ignored[3]).toContain("offset");
});

test("listening to a missing database fails", async () => {
  const gone = await createTestDatabase();
  await gone.close();

  const listening = listen(gone.database, { onNotification: () => {}, onGap: () => {} });

  await expect(listening).rejects.toMatchObject({ code: "3D000" });
});

/** A listener, and what it received, in order. */
async function startListening() {
  const events: ("gap" | Notification)[] = [];
  const ignored: string[] = [];
  const listener = await listen(testDatabase.database, {
    onNotification: (notification) => events.push(notification),
    onGap: () => events.push("gap"),
    onIgnored: (reason) => ignored.push(reason),
  });
  listeners.push(listener);
  return { events, ignored, listener };
}

/** Sends a notification to a listener of its own. When it arrives, all earlier ones have been delivered too. */
async function roundTrip(): Promise<void> {
  const echo = Promise.withResolvers<void>();
  const session = testDatabase.database.openSession("echo");
  await session.listen("echo", () => echo.resolve());
  await testDatabase.db.execute(sql`select pg_notify('echo', '')`);
  await echo.promise;
  await session.end({ timeout: 0 });
}
