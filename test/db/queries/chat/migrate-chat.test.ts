import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { receiveMessage } from "../../../../src/db/queries/chat/conversations.ts";
import { reviseMessage } from "../../../../src/db/queries/chat/edits.ts";
import { migrateChat } from "../../../../src/db/queries/chat/places.ts";
import { readQuote } from "../../../../src/db/queries/chat/quotes.ts";
import { saveStaffMember } from "../../../../src/db/queries/chat/staff.ts";
import { retryQuestion } from "../../../../src/db/queries/runs/retry.ts";
import { messageRevisions, messages, replies, runs } from "../../../../src/db/schema/index.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";

const GROUP = { type: "group", botId: 1, telegramId: -7, title: "Counter" } as const;
const SUPERGROUP = { ...GROUP, type: "supergroup", telegramId: -1007 } as const;
const MOVE = { botId: GROUP.botId, from: GROUP.telegramId, to: SUPERGROUP.telegramId };
let database: TestDatabase;
let authorId: string;
let updateId = 0;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ id: authorId } = await saveStaffMember(database.db, {
    telegramUserId: 7_001,
    name: "An",
    username: null,
    role: "staff",
  }));
});
afterEach(() => database.close());

test("a question from the old group that is asked again in the supergroup quotes no other message with the same id", async () => {
  const { runId } = await say("beans?", GROUP);
  await database.db.update(runs).set({ status: "failed", errorCode: "MODEL_FAILED", completedAt: sql`now()` });
  await migrateChat(database.db, MOVE);

  const again = await retryQuestion(database.db, { ...here(SUPERGROUP), runId, language: "en" });

  expect(again.outcome).toBe("queued");
  const isAgain = eq(replies.runId, "runId" in again ? again.runId : "");
  const quoted = await database.db.select({ to: replies.replyToMessageId }).from(replies).where(isAgain);
  expect(quoted).toEqual([{ to: null }]);
});

test("an edit in a supergroup does not change an old message with the same id", async () => {
  await say("beans?", GROUP);
  await migrateChat(database.db, MOVE);

  const foreign = await edit("see you at noon");
  await say("milk?", SUPERGROUP);
  const own = await edit("oat milk?");

  expect([foreign, own?.outcome]).toEqual([undefined, "replaced"]);
  expect(await stored()).toEqual(["beans?", "oat milk?"]);
  expect(await database.db.$count(messageRevisions)).toBe(0);
});

test("the later notice from the other chat does not change newer messages", async () => {
  await say("beans?", GROUP);
  await migrateChat(database.db, MOVE);
  await say("milk?", SUPERGROUP);

  await migrateChat(database.db, MOVE);

  expect((await edit("oat milk?"))?.outcome).toBe("replaced");
});

test("a reply in the supergroup does not quote an answer or a question of the old group with the same id", async () => {
  await say("beans?", GROUP);
  await database.db.update(replies).set({ telegramMessageIds: [12], status: "delivered", deliveredAt: sql`now()` });
  await migrateChat(database.db, MOVE);
  const quoteOf = (telegramId: number) => ({
    message: { telegramId, chatTelegramId: SUPERGROUP.telegramId },
    isFromBot: false,
    selected: null,
    text: "see you at noon",
  });

  const quotes = await Promise.all([11, 12].map((id) => readQuote(database.db, SUPERGROUP, quoteOf(id))));

  expect(quotes.map((quote) => quote?.quoteMessageId)).toEqual([null, null]);
});

/** Telegram's message 11, both before and after the migration. */
async function say(text: string, chat: typeof GROUP | typeof SUPERGROUP) {
  const message = { language: "en", text, forwarded: false, telegramMessageId: 11 };
  const received = await receiveMessage(database.db, { ...here(chat), ...message });
  if (received.outcome !== "queued") throw new Error("the message was not stored");
  return received;
}

function edit(text: string) {
  updateId += 1;
  return reviseMessage(database.db, SUPERGROUP, { updateId, authorId, telegramMessageId: 11, text });
}

function here(chat: typeof GROUP | typeof SUPERGROUP) {
  updateId += 1;
  return { chat, topicId: null, updateId, author: { id: authorId, role: "staff" as const } };
}

async function stored(): Promise<string[]> {
  const said = await database.db.select({ text: messages.text }).from(messages).orderBy(messages.position);
  return said.map(({ text }) => text);
}
