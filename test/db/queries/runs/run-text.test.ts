import { asc, eq } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listen, type Notification } from "../../../../src/db/notify/notify.ts";
import { appendRunTexts } from "../../../../src/db/queries/runs/run-text.ts";
import { runs, runText } from "../../../../src/db/schema/index.ts";
import { insertRun, insertThread } from "../../../support/conversations.ts";
import { createTestDatabase, holdLocks, readClock, type TestDatabase } from "../../../support/database.ts";

const ALL_STORED = { refused: [], busy: [] };

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.close());

/** A run that this worker holds, and its next piece of text. */
async function runThatSays(text: string, offset = 0) {
  const thread = await insertThread(store.db);
  const run = await insertRun(store.db, { threadId: thread.id, status: "in_progress", workerId: 7, attempt: 2 });
  const claim = { id: run.id, threadId: thread.id, workerId: 7, attempt: 2 };
  return { claim, offset, text, firstTokenAgeMs: 60_000 };
}

const textsOf = async (runId: string) =>
  (await store.db.select().from(runText).where(eq(runText.runId, runId)).orderBy(asc(runText.offset))).map(
    ({ offset, text }) => [offset, text],
  );
const firstTokenOf = async (runId: string) =>
  (await store.db.select().from(runs).where(eq(runs.id, runId)))[0]?.firstTokenAt;

test("pieces of many runs are stored together, each in its place, and published", async () => {
  const [one, other] = [await runThatSays("Oat "), await runThatSays("Bean")];
  const notifications: Notification[] = [];
  const both = Promise.withResolvers<void>();
  const listener = await listen(store.database, {
    onNotification(notice) {
      notifications.push(notice);
      if (notifications.length === 2) both.resolve();
    },
    onGap: () => undefined,
  });

  const first = await appendRunTexts(store.db, [one, other]);
  const second = await appendRunTexts(store.db, [{ ...one, offset: 4, text: "milk" }]);
  await both.promise;
  await listener.close();

  expect([first, second]).toEqual([ALL_STORED, ALL_STORED]);
  expect(await textsOf(one.claim.id)).toEqual([
    [0, "Oat "],
    [4, "milk"],
  ]);
  expect(await textsOf(other.claim.id)).toEqual([[0, "Bean"]]);
  const grown = ({ claim }: typeof one, offset: number) => ({ threadId: claim.threadId, runId: claim.id, offset });
  expect(notifications).toEqual([
    { type: "text", pieces: [grown(one, 0), grown(other, 0)] },
    { type: "text", pieces: [grown(one, 4)] },
  ]);
});

test("the first piece sets the time of the first token, and later ones do not change it", async () => {
  const piece = await runThatSays("Oat ");
  const before = await readClock(store.db);
  await appendRunTexts(store.db, [piece]);
  const first = Number(await firstTokenOf(piece.claim.id));
  const after = await readClock(store.db);

  await appendRunTexts(store.db, [{ ...piece, offset: 4, text: "milk", firstTokenAgeMs: 0 }]);

  expect(Number(await firstTokenOf(piece.claim.id))).toBe(first);
  expect(first + 60_000).toBeGreaterThanOrEqual(before);
  expect(first + 60_000).toBeLessThanOrEqual(after);
});

test("a piece of a run that another worker has is refused, and the others are stored", async () => {
  const [mine, taken, ended] = [await runThatSays("mine"), await runThatSays("taken"), await runThatSays("ended")];
  await store.db.update(runs).set({ workerId: 8, attempt: 3 }).where(eq(runs.id, taken.claim.id));
  await store.db.update(runs).set({ status: "completed", completedAt: new Date() }).where(eq(runs.id, ended.claim.id));

  const { refused } = await appendRunTexts(store.db, [mine, taken, ended]);

  expect(refused).toEqual([taken, ended]);
  expect(await textsOf(mine.claim.id)).toEqual([[0, "mine"]]);
  expect(await textsOf(taken.claim.id)).toEqual([]);
  expect(await firstTokenOf(taken.claim.id)).toBeNull();
});

test("an earlier attempt of the same worker writes nothing more", async () => {
  const piece = await runThatSays("late");

  const { refused } = await appendRunTexts(store.db, [{ ...piece, claim: { ...piece.claim, attempt: 1 } }]);

  expect(refused).toHaveLength(1);
  expect(await textsOf(piece.claim.id)).toEqual([]);
});

test("a locked run makes its own piece wait, and no other", async () => {
  const [busy, free] = [await runThatSays("later"), await runThatSays("now")];
  const release = await holdLocks(store.db, (tx) =>
    tx.update(runs).set({ language: "vi" }).where(eq(runs.id, busy.claim.id)),
  );

  const first = await appendRunTexts(store.db, [busy, free]);
  await release();
  const second = await appendRunTexts(store.db, [busy]);

  expect(first).toEqual({ refused: [], busy: [busy] });
  expect(second).toEqual(ALL_STORED);
  expect(await textsOf(free.claim.id)).toEqual([[0, "now"]]);
  expect(await textsOf(busy.claim.id)).toEqual([[0, "later"]]);
});
