import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { errorCode } from "../src/db/error-code.ts";
import {
  BEGUN_STATUSES,
  CLAIMED_STATUS,
  canFollow,
  ENDED_STATUSES,
  FIRST_STATUS,
  OPEN_STATUSES,
  QUEUED_STATUSES,
  RUN_STATUSES,
  RUNNING_STATUSES,
  type RunStatus,
} from "../src/run-states.ts";
import { insertRun, insertThread } from "./support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";

const INVALID_TEXT = "22P02";
const CHECK_VIOLATION = "23514";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());

/** Stores a run with these columns as they are given. @returns the error code of the database, or "stored". */
async function tryToStore(values: { status: RunStatus; hasTime?: boolean; hasWorker?: boolean }): Promise<unknown> {
  const { status, hasTime = false, hasWorker = false } = values;
  const thread = await insertThread(store.db);
  return insertRun(store.db, {
    threadId: thread.id,
    status,
    completedAt: hasTime ? new Date() : null,
    workerId: hasWorker ? 1 : null,
    leaseUntil: hasWorker ? new Date() : null,
  }).then(() => "stored", errorCode);
}

test("every state is in exactly one phase", () => {
  expect([...QUEUED_STATUSES, ...RUNNING_STATUSES, ...ENDED_STATUSES].sort()).toEqual([...RUN_STATUSES].sort());
  expect([...QUEUED_STATUSES, ...BEGUN_STATUSES].sort()).toEqual([...OPEN_STATUSES].sort());
  expect(BEGUN_STATUSES).toEqual(RUNNING_STATUSES);
});

test("a run goes from the queue to a worker, to its tools and back, and to an end that is final", () => {
  const transitions = RUN_STATUSES.flatMap((from) =>
    RUN_STATUSES.filter((to) => canFollow(from, to)).map((to) => `${from} -> ${to}`),
  );

  expect(transitions).toEqual([
    "queued -> in_progress",
    "queued -> failed",
    "queued -> cancelled",
    "in_progress -> requires_action",
    "in_progress -> completed",
    "in_progress -> failed",
    "in_progress -> cancelled",
    "in_progress -> incomplete",
    "requires_action -> in_progress",
    "requires_action -> completed",
    "requires_action -> failed",
    "requires_action -> cancelled",
    "requires_action -> incomplete",
  ]);
});

test("no state leads back to the first, and a worker claims only queued runs", () => {
  expect(RUN_STATUSES.filter((status) => canFollow(status, FIRST_STATUS))).toEqual([]);
  expect(QUEUED_STATUSES).toEqual(["queued"]);
  expect(RUNNING_STATUSES).toContain(CLAIMED_STATUS);
});

test("the database knows exactly these states, and refuses any other", async () => {
  const [stored] = await store.db.execute(sql`select enum_range(null::run_status)::text[] as states`);
  const other = await tryToStore({ status: "paused" as RunStatus });

  expect(stored).toEqual({ states: RUN_STATUSES });
  expect(other).toBe(INVALID_TEXT);
});

test("the database stores when a run ended if it has ended, and only then", async () => {
  for (const status of RUN_STATUSES) {
    const hasEnded = (ENDED_STATUSES as RunStatus[]).includes(status);

    expect(await tryToStore({ status, hasWorker: true, hasTime: hasEnded }), status).toBe("stored");
    expect(await tryToStore({ status, hasWorker: true, hasTime: !hasEnded }), status).toBe(CHECK_VIOLATION);
  }
});

test("the database refuses a running run without a worker", async () => {
  for (const status of OPEN_STATUSES) {
    const isRunning = (RUNNING_STATUSES as RunStatus[]).includes(status);

    expect(await tryToStore({ status }), status).toBe(isRunning ? CHECK_VIOLATION : "stored");
  }
});
