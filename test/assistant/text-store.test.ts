import { asc, eq } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTextStore } from "../../src/assistant/text-store.ts";
import { LeaseLostError, type RunClaim } from "../../src/db/queries/runs/run-claim.ts";
import { runs, runText } from "../../src/db/schema/index.ts";
import { insertRun, insertThread } from "../support/conversations.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../support/database.ts";

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.close());

async function claimedRun(): Promise<RunClaim> {
  const thread = await insertThread(store.db);
  const run = await insertRun(store.db, { threadId: thread.id, status: "in_progress", workerId: 7, attempt: 1 });
  return { id: run.id, threadId: thread.id, workerId: 7, attempt: 1 };
}

async function textOf({ id }: RunClaim): Promise<string> {
  const pieces = await store.db.select().from(runText).where(eq(runText.runId, id)).orderBy(asc(runText.offset));
  return pieces.reduce((whole, { offset, text }) => {
    expect(offset).toBe(whole.length);
    return whole + text;
  }, "");
}

test("texts of several runs grow at the same time, also with text that arrives during a write", async () => {
  const texts = createTextStore(store.db);
  const [one, other] = [await claimedRun(), await claimedRun()];
  const fail = (error: unknown) => expect.unreachable(String(error));
  const [first, second] = [texts.open(one, fail), texts.open(other, fail)];

  for (const delta of ["Oat ", "milk ", "is low."]) first.append(delta);
  second.append("Beans too.");

  await expect.poll(() => textOf(one)).toBe("Oat milk is low.");
  await expect.poll(() => textOf(other)).toBe("Beans too.");
});

test("a lost run is reported once, no more of its text is stored, and other runs continue", async () => {
  const texts = createTextStore(store.db);
  const [held, lost] = [await claimedRun(), await claimedRun()];
  const errors: unknown[] = [];
  const heldTexts = texts.open(held, (error) => expect.unreachable(String(error)));
  const lostTexts = texts.open({ ...lost, attempt: 0 }, (error) => errors.push(error));

  lostTexts.append("mine");
  await expect.poll(() => errors).toHaveLength(1);
  lostTexts.append(" still");
  heldTexts.append("continues");
  await expect.poll(() => textOf(held)).toBe("continues");

  expect(errors).toEqual([new LeaseLostError(lost.id)]);
  expect(await textOf(lost)).toBe("");
});

test("a closed text stores nothing more, and closing waits for the write under way", async () => {
  const texts = createTextStore(store.db);
  const claim = await claimedRun();
  const run = texts.open(claim, (error) => expect.unreachable(String(error)));

  run.append("stored");
  run.append(" not stored");
  await run.close();
  run.append(" nor this");

  expect(await textOf(claim)).toBe("stored");
});

test("text whose run is locked for a moment is stored afterwards, in its place", async () => {
  const texts = createTextStore(store.db);
  const [claim, other] = [await claimedRun(), await claimedRun()];
  const fail = (error: unknown) => expect.unreachable(String(error));
  const [run, free] = [texts.open(claim, fail), texts.open(other, fail)];
  const release = await holdLocks(store.db, (tx) =>
    tx.update(runs).set({ language: "vi" }).where(eq(runs.id, claim.id)),
  );

  free.append("first of all");
  run.append("Oat ");
  free.append(" and together with it");
  // The second write has tried both.
  await expect.poll(() => textOf(other)).toBe("first of all and together with it");
  run.append("milk");
  await release();

  await expect.poll(() => textOf(claim)).toBe("Oat milk");
  // The notice of the last write is still on its way.
  await run.close();
});

test("closing returns how long ago the first text came, also for a text that was never stored", async () => {
  const texts = createTextStore(store.db);
  const [spoke, other, silent] = [await claimedRun(), await claimedRun(), await claimedRun()];
  const fail = (error: unknown) => expect.unreachable(String(error));
  const [first, late, none] = [texts.open(spoke, fail), texts.open(other, fail), texts.open(silent, fail)];

  const before = performance.now();
  first.append("Oat milk");
  late.append("Beans");
  const [ageMs, lateAgeMs, never] = await Promise.all([first.close(), late.close(), none.close()]);

  expect(await textOf(other)).toBe("");
  const longestMs = performance.now() - before;
  for (const ms of [ageMs, lateAgeMs]) {
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThanOrEqual(longestMs);
  }
  expect(never).toBeNull();
});
