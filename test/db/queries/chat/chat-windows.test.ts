import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { saveChatWindows, windowColumn } from "../../../../src/db/queries/chat/chat-windows.ts";
import { chats } from "../../../../src/db/schema/index.ts";
import { insertChat } from "../../../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.close());

test("a window that expired holds nothing up", async () => {
  const { botId, telegramId } = await insertChat(store.db);
  const saved = { telegramId: Number(telegramId), callAgesMs: [20], restedInMs: 3_000, frozenForMs: 0 };
  await saveChatWindows(store.db, { botId: Number(botId), workerId: 7 }, [saved]);

  const aMinute = sql`interval '1 minute'`;
  await store.db.update(chats).set({
    restedAt: sql`${chats.restedAt} - ${aMinute}`,
    frozenUntil: sql`${chats.frozenUntil} - ${aMinute}`,
  });

  const [found] = await store.db.select({ window: windowColumn() }).from(chats);
  expect(found?.window).toMatchObject({ savedBy: 7, restedInMs: 0, frozenForMs: 0 });
});
