import { setTimeout as pause } from "node:timers/promises";
import { ne, sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { listen } from "../../../src/db/notify/notify.ts";
import { replies, runs } from "../../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { allHandled, repeats, textsOf } from "../bot-support.ts";

const CHATS = 90;
const ROUNDS = 5;
/** Telegram's limit over all chats of a bot. */
const CALLS_PER_SECOND = 30;
let app: TestApp;
afterEach(() => app.close());

test("a burst of questions is answered at thirty calls a second by the injected clock: none refused, each chat in order", async () => {
  const clock = createFakeClock();
  app = await startTestApp(repeats, { clock });
  const chats = await Promise.all(Array.from({ length: CHATS }, () => app.staff()));
  const questions = Array.from({ length: ROUNDS }, (_, round) => `question ${round}`);

  for (const question of questions) for (const chat of chats) chat.send(question);
  await allHandled(app);
  // The clock is stopped and Telegram accepts only a burst: no run waits for that.
  await allRunsCompleted(app);
  const shownAtOnce = chats.flatMap(textsOf).length;
  const beganAt = clock.now();
  await moveOn(clock, () => chats.flatMap(textsOf).length === CHATS * ROUNDS);
  const drainSeconds = (clock.now() - beganAt) / 1_000;
  await expect.poll(() => app.test.db.$count(replies, sql`${replies.status} <> 'delivered'`)).toBe(0);

  expect(shownAtOnce).toBeLessThan(CALLS_PER_SECOND);
  expect(chats.map(textsOf)).toEqual(chats.map(() => questions.map((question) => `Answer: ${question}`)));
  expect(app.telegram.limitCounts()).toMatchObject({ refused: 0, insideWindow: 0 });
  expect(drainSeconds).toBeGreaterThan((CHATS * ROUNDS) / CALLS_PER_SECOND - 2);
  expect(drainSeconds).toBeLessThan(((CHATS * ROUNDS) / CALLS_PER_SECOND) * 2);
});

/** Checked again after each change, however long a busy machine takes. */
async function allRunsCompleted({ test: { db, database } }: TestApp): Promise<void> {
  let look = () => {};
  const listener = await listen(database, { onNotification: () => look(), onGap: () => look() });
  for (;;) {
    // Before the query, so that no change during it is missed.
    const changed = new Promise<void>((resolve) => {
      look = resolve;
    });
    if ((await db.$count(runs, ne(runs.status, "completed"))) === 0) break;
    await changed;
  }
  await listener.close();
}

/** Advances the clock, slowly enough for calls to complete, until `isOver`. */
async function moveOn(clock: FakeClock, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await clock.advance(5);
    await pause(1);
  }
}
