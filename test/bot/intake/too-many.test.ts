import { desc, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { TelegramBot } from "../../../src/bot/bot.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { MAX_QUESTIONS_PER_MINUTE } from "../../../src/db/queries/chat/conversations.ts";
import { messages } from "../../../src/db/schema/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { allHandled, staffPerson, textsOf } from "../bot-support.ts";
import { BOT_TOKEN, createIntakeBot } from "./intake-support.ts";

const texts = textsIn("en");
// Without a worker nothing is answered, and system messages need not wait for answers.
let telegram: TelegramStandIn;
let database: TestDatabase;
let bot: TelegramBot;
/** How far Telegram's clock is behind, and with it the time of all messages. */
let behindMs: number;

beforeEach(async () => {
  behindMs = 0;
  telegram = await createTelegramStandIn({ token: BOT_TOKEN, now: () => Date.now() - behindMs });
  database = await createTestDatabase();
  bot = await createIntakeBot({ telegram, database: database.database });
  bot.start();
});

afterEach(async () => {
  await bot.stopIntake();
  await bot.stop(0);
  await telegram.close();
  await database.close();
});

test("a person who asks more than twenty questions a minute gets one message about it, over all chats, and nobody else is delayed", async () => {
  const person = await staff("An");
  const chat = telegram.privateChat(person);
  const group = telegram.group({ title: "Shop", members: [person], isBotAdministrator: true });
  const other = telegram.privateChat(await staff("Binh"));

  ask(chat, MAX_QUESTIONS_PER_MINUTE);
  await allHandled({ telegram });
  chat.send("one too many");
  await chat.waitForBotMessage(texts.tooMany);
  chat.send("another");
  group.send(`@${telegram.bot.username} and here?`);
  other.send("may I?");
  await allHandled({ telegram });
  group.send(`/help@${telegram.bot.username}`);
  await group.waitForBotMessage(texts.help);

  expect(await storedMessages()).toBe(MAX_QUESTIONS_PER_MINUTE + 1);
  expect([...textsOf(chat), ...textsOf(group)]).toEqual([texts.tooMany, texts.help]);
});

test("twenty questions are stored per minute, also when they come from many chats at once", async () => {
  const person = await staff("An");
  const groups = Array.from({ length: 30 }, () =>
    telegram.group({ title: "Shop", members: [person], isBotAdministrator: true }),
  );

  for (const group of groups) group.send(`@${telegram.bot.username} hello`);
  await allHandled({ telegram });

  expect(await storedMessages()).toBe(MAX_QUESTIONS_PER_MINUTE);
});

test("after a minute a person may ask again, and gets the message again if it is too much again", async () => {
  const chat = telegram.privateChat(await staff("An", "vi"));
  const { tooMany } = textsIn("vi");
  ask(chat, MAX_QUESTIONS_PER_MINUTE + 1);
  const notice = await chat.waitForBotMessage(tooMany);

  await database.db.execute(sql`update messages set sent_at = sent_at - interval '61 seconds'`);
  await database.db.execute(sql`update stranger_notices set noticed_at = noticed_at - interval '61 seconds'`);
  ask(chat, MAX_QUESTIONS_PER_MINUTE + 1);
  await chat.waitForBotMessage(tooMany, { after: notice });

  expect(await storedMessages()).toBe(MAX_QUESTIONS_PER_MINUTE * 2);
});

test("questions written over an hour are all stored when they arrive at once, as after an outage", async () => {
  const chat = telegram.privateChat(await staff("An"));
  const questions = MAX_QUESTIONS_PER_MINUTE + 5;

  for (let number = questions; number > 0; number--) {
    behindMs = (number / questions) * HOUR_MS;
    chat.send(`question ${number}`);
  }
  await allHandled({ telegram });

  expect(await storedMessages()).toBe(questions);
});

test("too many questions within a minute are refused also when they arrive late, and later ones are stored", async () => {
  const chat = telegram.privateChat(await staff("An"));

  behindMs = HOUR_MS;
  ask(chat, MAX_QUESTIONS_PER_MINUTE + 1);
  behindMs = 0;
  chat.send("and now?");
  await allHandled({ telegram });

  expect(await storedMessages()).toBe(MAX_QUESTIONS_PER_MINUTE + 1);
  expect((await newestMessage())?.text).toBe("and now?");
});

test("the limit for questions does not end a stranger's hour", async () => {
  const stranger = telegram.privateChat(telegram.person({ first_name: "Alex" }));
  stranger.send("hello");
  await stranger.waitForBotMessage(texts.stranger);
  await database.db.execute(sql`update stranger_notices set noticed_at = noticed_at - interval '2 minutes'`);
  const chat = telegram.privateChat(await staff("An"));

  ask(chat, MAX_QUESTIONS_PER_MINUTE + 1);
  await chat.waitForBotMessage(texts.tooMany);
  stranger.send("hello?");
  await allHandled({ telegram });
  await bot.stop(10_000);

  expect(textsOf(stranger)).toEqual([texts.stranger]);
});

const HOUR_MS = 3_600_000;

function staff(first_name: string, language_code = "en") {
  return staffPerson({ telegram, test: database }, "staff", { first_name, language_code });
}

function ask(chat: StandInChat, count: number): void {
  for (let number = 1; number <= count; number++) chat.send(`question ${number}`);
}

function storedMessages(): Promise<number> {
  return database.db.$count(messages);
}

async function newestMessage() {
  const [newest] = await database.db.select().from(messages).orderBy(desc(messages.position)).limit(1);
  return newest;
}
