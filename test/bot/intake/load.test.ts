import { asc, sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { messages, runs, threads } from "../../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { allHandled, repeats, textsOf } from "../bot-support.ts";

const CHATS = 50;
const MESSAGES = 200;
let app: TestApp;
afterEach(() => app.close());

test("a burst of messages in many chats is committed completely, in each chat's order, and every message is answered", async () => {
  app = await startTestApp(repeats, { telegramLimits: "none" });
  const chats = await Promise.all(Array.from({ length: CHATS }, () => app.staff()));

  for (let number = 0; number < MESSAGES; number++) chats[number % CHATS]?.send(`question ${number}`);
  await allHandled(app);
  const stored = await app.test.db
    .select({ chatId: threads.chatId, text: messages.text })
    .from(messages)
    .innerJoin(threads, sql`${threads.id} = ${messages.threadId}`)
    .where(sql`${messages.role} = 'user'`)
    .orderBy(asc(messages.position));
  await Promise.all(chats.map((chat, index) => chat.waitForBotMessage(`Answer: question ${MESSAGES - CHATS + index}`)));

  const inOrder = chats.map((_, index) => [0, 1, 2, 3].map((round) => `question ${round * CHATS + index}`));
  expect(stored).toHaveLength(MESSAGES);
  expect(Map.groupBy(stored, ({ chatId }) => chatId).size).toBe(CHATS);
  const byChat = [...Map.groupBy(stored, ({ chatId }) => chatId).values()].map((said) => said.map(({ text }) => text));
  expect(byChat.sort()).toEqual([...inOrder].sort());
  expect(chats.map(textsOf)).toEqual(inOrder.map((asked) => asked.map((text) => `Answer: ${text}`)));
  expect(await app.test.db.$count(runs)).toBe(MESSAGES);
});
