/** Malformed updates: what can be stored is stored, and the sender of the rest gets a message at once. */
import type { User } from "@grammyjs/types";
import { BotError } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { TelegramBot } from "../../../src/bot/bot.ts";
import type { BotContext } from "../../../src/bot/context.ts";
import { createReportFailedUpdate } from "../../../src/bot/intake/failed-update.ts";
import { createWebhook } from "../../../src/bot/intake/webhook.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { oncePerUpdate } from "../../../src/db/queries/chat/places.ts";
import { chats, messageRevisions, staff } from "../../../src/db/schema/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { serveWebhook } from "../../support/webhook-server.ts";
import { staffPerson, textsOf } from "../bot-support.ts";
import { BOT_TOKEN, conversationsIn, createIntakeBot, recordLog } from "./intake-support.ts";

const PATH = "/telegram/webhook";
const english = textsIn("en");
let telegram: TelegramStandIn;
let database: TestDatabase;
let log: ReturnType<typeof recordLog>;
let an: User;
let chat: StandInChat;
let stops: (() => Promise<void>)[];
let number: number;

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN });
  database = await createTestDatabase();
  log = recordLog();
  an = await staffPerson({ telegram, test: database }, "owner", { first_name: "An" });
  chat = telegram.privateChat(an);
  // Below the ids that the stand-in will use.
  number = 0;
  stops = [];
  // Telegram knows the chat once somebody has written there. Nobody fetches that message.
  chat.send("hello");
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await telegram.close();
  await database.close();
});

/** A message from An with these invalid fields. */
function messageWith(fields: object) {
  number += 1;
  const good = { message_id: 100 + number, date: 1_795_000_000, chat: { id: chat.id, type: "private" }, from: an };
  return { update_id: number, message: { ...good, text: "beans?", ...fields } };
}

function editWith(fields: object) {
  const { update_id, message } = messageWith(fields);
  return { update_id, edited_message: { ...message, edit_date: message.date } };
}

function pressWith(fields: object) {
  const { update_id, message } = messageWith({});
  return { update_id, callback_query: { id: "77", from: an, chat_instance: "1", message, data: "stop:1", ...fields } };
}

/** A bot in webhook mode. @returns a function that delivers an update and returns the status. */
async function startDoor(): Promise<(update: object) => Promise<number>> {
  const http = await serveWebhook({ path: PATH, handle: (...exchange) => webhook.handler.handle(...exchange) });
  // Telegram gets an address without a server: the test delivers the updates.
  const webhook = createWebhook({ url: "http://127.0.0.1:9/", path: PATH, secret: null }, BOT_TOKEN);
  stops.push(() => http.close());
  await startBot({ webhook });
  const headers = { "x-telegram-bot-api-secret-token": webhook.secret };
  return async (update) => {
    const body = JSON.stringify(update);
    return (await fetch(`${http.address}${PATH}`, { method: "POST", headers, body })).status;
  };
}

async function startBot(deps: Partial<Parameters<typeof createIntakeBot>[1]> = {}): Promise<TelegramBot> {
  const bot = await createIntakeBot({ telegram, database: database.database }, { logger: log.logger, ...deps });
  bot.start();
  stops.push(async () => {
    await bot.stopIntake();
    await bot.stop(0);
  });
  return bot;
}

const failures = () => log.lines.filter(({ level }) => level >= 50).map(({ msg }) => msg);

test("characters that the database cannot store are replaced in texts, names and titles, and the message is stored", async () => {
  const bring = await startDoor();
  const group = { id: -100_500, type: "supergroup", title: "Shift\0 \udfff" };
  const entities = [{ type: "mention", offset: 5, length: telegram.bot.username.length + 1 }];

  const statuses = [
    await bring(messageWith({ text: "oat\0 milk \ud800?", from: { ...an, first_name: "A\0n\ud800" } })),
    await bring(messageWith({ chat: group, text: `a\0\ud800c @${telegram.bot.username}`, entities })),
  ];

  expect(statuses).toEqual([200, 200]);
  expect((await conversationsIn(database)).texts).toEqual([
    "oat\ufffd milk \ufffd?",
    `a\ufffd\ufffdc @${telegram.bot.username}`,
  ]);
  expect(await database.db.select({ title: chats.title }).from(chats)).toContainEqual({ title: "Shift\ufffd \ufffd" });
  expect(failures()).toEqual([]);
});

test.each<[string, object]>([
  ["too long", { username: "a".repeat(20_000) }],
  ["a number", { username: 5 }],
  ["not to be stored", { username: "a\0b" }],
])("a person whose @username is %s is answered too", async (_name, fields) => {
  const bring = await startDoor();

  expect(await bring(messageWith({ from: { ...an, ...fields } }))).toBe(200);

  expect((await conversationsIn(database)).texts).toEqual(["beans?"]);
  expect(await database.db.$count(staff)).toBe(1);
  expect(failures()).toEqual([]);
});

const ODD: [string, object][] = [
  ["a number that no column takes", { message_id: 1e30 }],
  ["half a number", { message_id: 1.5 }],
  ["a word for its number", { message_id: "secret-word" }],
  ["a time beyond all calendars", { date: 1e20 }],
  ["no time", { date: undefined }],
  ["a year that no database has", { date: 8_640_000_000_000 }],
  ["entities that are none", { entities: 5 }],
  ["a topic that is none", { is_topic_message: true, message_thread_id: "x" }],
];

test.each(ODD)(
  "a message with %s gets one sentence, and the next message is processed at once",
  async (_name, fields) => {
    const bring = await startDoor();

    const statuses = [await bring(messageWith(fields)), await bring(messageWith({ text: "and milk?" }))];
    await chat.waitForBotMessage(english.notProcessed);

    expect(statuses).toEqual([200, 200]);
    expect((await conversationsIn(database)).texts).toEqual(["and milk?"]);
    expect(textsOf(chat)).toEqual([english.notProcessed]);
    expect(failures()).toEqual(["update skipped: it failed every time"]);
    expect(JSON.stringify(log.lines)).not.toContain("secret-word");
  },
);

test("the same holds for polling, and the next updates of the batch are stored", async () => {
  const result = [messageWith({ message_id: 1e30 }), messageWith({ text: "and milk?" }), messageWith({ date: "x" })];
  telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result } });

  await startBot();
  await telegram.waitFor(() => textsOf(chat).length === 2);
  // The fetched updates are confirmed.
  await telegram.waitFor(() =>
    telegram.calls().some(({ method, params }) => method === "getUpdates" && params.offset === 4),
  );

  expect(textsOf(chat)).toEqual([english.notProcessed, english.notProcessed]);
  expect((await conversationsIn(database)).texts[0]).toBe("and milk?");
  expect(failures()).toEqual(Array(2).fill("update skipped: it failed every time"));
});

test("the message is in the language of the person", async () => {
  const bring = await startDoor();

  await bring(messageWith({ message_id: 1e30, from: { ...an, language_code: "vi-VN" } }));

  await chat.waitForBotMessage(textsIn("vi").notProcessed);
});

test("an edit that cannot be processed gets the sentence too", async () => {
  const bring = await startDoor();
  await bring(messageWith({}));

  const status = await bring(editWith({ message_id: 1e30, text: "milk?" }));
  await chat.waitForBotMessage(english.notProcessed);

  expect(status).toBe(200);
  expect(await database.db.$count(messageRevisions)).toBe(0);
  expect(failures()).toEqual(["update skipped: it failed every time"]);
});

test("a button press that cannot be processed is answered at the button", async () => {
  const bring = await startDoor();

  await bring(pressWith({ data: 5 }));
  await telegram.waitFor(() => telegram.calls().some(({ method }) => method === "answerCallbackQuery"));

  const [answer] = telegram.calls().filter(({ method }) => method === "answerCallbackQuery");
  expect(answer?.params).toEqual({ callback_query_id: "77", text: english.pressNotProcessed });
  expect(textsOf(chat)).toEqual([]);
  expect(failures()).toEqual(["update skipped: it failed every time"]);
});

test("a repeated delivery of a skipped update is not reported twice", async () => {
  const bring = await startDoor();
  const odd = messageWith({ message_id: 1e30 });

  const help = { text: "/help", entities: [{ type: "bot_command", offset: 0, length: 5 }] };

  const statuses = [await bring(odd), await bring(odd), await bring(messageWith(help))];
  await chat.waitForBotMessage(english.help + english.ownerHelp);

  expect(statuses).toEqual([200, 200, 200]);
  expect(textsOf(chat)).toEqual([english.notProcessed, english.help + english.ownerHelp]);
});

test("nothing is sent for an update that was committed after all, to another bot, or where access was denied", async () => {
  const said: string[] = [];
  const systemMessages = { say: (_ctx: unknown, text: string) => said.push(text) };
  const tell = createReportFailedUpdate({
    db: database.db,
    systemMessages: systemMessages as never,
    logger: log.logger,
  });
  const member = { id: "0", telegramUserId: an.id, name: "An", username: null, role: "owner" } as const;
  const giveUp = (update_id: number, fields: object) => {
    const ctx = { update: { update_id }, me: telegram.bot, from: an, chat: { id: 1, type: "private" }, ...fields };
    return tell(new BotError(new TypeError("odd"), ctx as BotContext));
  };
  const place = { type: "private", botId: telegram.bot.id, telegramId: 1, title: null } as const;
  await oncePerUpdate(database.db, { chat: place, updateId: 5 }, async () => "committed");

  await giveUp(5, { staffMember: member });
  await giveUp(6, { from: { ...an, is_bot: true } });
  await giveUp(7, { chat: { id: -5, type: "supergroup", title: "Shift" } });
  await giveUp(8, { chat: { id: -5, type: "channel" } });
  await tell(new Error("of no update"));
  const before = [...said];
  await giveUp(9, { chat: { id: -5, type: "supergroup", title: "Shift" }, staffMember: member });

  expect(before).toEqual([]);
  expect(said).toEqual([english.notProcessed]);
});

test("an update without a chat blocks no other", async () => {
  const result = [{ update_id: 1, message: { message_id: 1, date: 1, text: "?", from: an } }, messageWith({})];
  telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result } });

  await startBot();

  await expect.poll(async () => (await conversationsIn(database)).texts).toContain("hello");
});
