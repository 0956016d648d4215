import { eq } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { markDelivered, markUndeliverable, saveReplyPages } from "../../src/db/queries/replies.ts";
import { replies } from "../../src/db/schema/index.ts";
import { insertReply, insertRun, insertThread } from "../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.close());

async function newReply() {
  const thread = await insertThread(store.db);
  const run = await insertRun(store.db, { threadId: thread.id });
  return insertReply(store.db, { runId: run.id, chatId: thread.chatId, finalText: "All is well." });
}

const read = async (id: string) => (await store.db.select().from(replies).where(eq(replies.id, id)))[0];

test("what a worker learns late of a reply that another has delivered changes nothing, and fails nothing", async () => {
  const { id } = await newReply();
  await saveReplyPages(store.db, id, [11]);
  await markDelivered(store.db, id);
  const delivered = await read(id);

  await saveReplyPages(store.db, id, [12]);
  await markUndeliverable(store.db, id, "blocked");

  expect(delivered).toMatchObject({ status: "delivered", telegramMessageIds: [11] });
  expect(await read(id)).toEqual(delivered);
});

test("a reply that Telegram refused for good stays so", async () => {
  const { id } = await newReply();
  await markUndeliverable(store.db, id, "blocked");

  await saveReplyPages(store.db, id, [12]);
  await markDelivered(store.db, id);

  expect(await read(id)).toMatchObject({ status: "failed", error: "blocked", telegramMessageIds: [] });
});
