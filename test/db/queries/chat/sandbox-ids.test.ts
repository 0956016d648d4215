import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findFreeId } from "../../../../src/db/queries/chat/sandbox-ids.ts";
import { updatesSeen } from "../../../../src/db/schema/index.ts";
import { insertChat, insertMessages, insertReply, insertRun, insertThread } from "../../../support/conversations.ts";
import { createTestDatabase, readClock, type TestDatabase } from "../../../support/database.ts";

const BOT_ID = 2 ** 52;
let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.close());

test("the first free id is the database's time, above the ids of other bots", async () => {
  await store.db.insert(updatesSeen).values({ botId: 42, updateId: 2 ** 40 });
  const before = Math.floor((await readClock(store.db)) / 1_000);

  const id = await findFreeId(store.db, BOT_ID);

  expect(id).toBeGreaterThan(before);
  expect(id).toBeLessThan(2 ** 40);
});

test.each(["an update", "a question", "a page of a reply"])(
  "it is above %s that an earlier start stored with a fast clock",
  async (what) => {
    const taken = 2 ** 40;
    const chat = await insertChat(store.db, { botId: BOT_ID });
    const thread = await insertThread(store.db, { chatId: chat.id });
    if (what === "an update") await store.db.insert(updatesSeen).values({ botId: BOT_ID, updateId: taken });
    else if (what === "a question") await insertMessages(store.db, thread.id, [{ telegramMessageId: taken }]);
    else {
      const run = await insertRun(store.db, { threadId: thread.id });
      await insertReply(store.db, {
        runId: run.id,
        chatId: chat.id,
        telegramMessageIds: sql`array[${taken}, 7]::bigint[]`,
      });
    }

    expect(await findFreeId(store.db, BOT_ID)).toBe(taken + 1);
  },
);
