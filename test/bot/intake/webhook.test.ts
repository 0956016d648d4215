import type { Update } from "@grammyjs/types";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { TelegramBot, TelegramBotDeps } from "../../../src/bot/bot.ts";
import { createWebhook } from "../../../src/bot/intake/webhook.ts";
import { connectDatabase } from "../../../src/db/client.ts";
import { StartupError } from "../../../src/errors.ts";
import { startTestApp } from "../../support/app.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { serveWebhook } from "../../support/webhook-server.ts";
import { allHandled, repeats, staffPerson } from "../bot-support.ts";
import {
  BOT_TOKEN,
  callTelegram,
  closeDatabaseToEveryone,
  conversationsIn,
  createIntakeBot,
  openDatabaseAgain,
  recordLog,
  unusedPort,
} from "./intake-support.ts";

const PATH = "/telegram/webhook";
let telegram: TelegramStandIn;
let database: TestDatabase;
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN, webhookRetryMs: 5 });
  database = await createTestDatabase();
  stops = [];
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await telegram.close();
  await database.close();
});

test("the webhook is registered with its address and a secret derived from the token, and Telegram delivers messages", async () => {
  const chat = await staffChat();
  chat.send("sent before");

  await startProcess();
  await telegram.waitFor(() => settings().length === 1);
  chat.send("sent after");
  await allHandled({ telegram });
  await startProcess();
  await telegram.waitFor(() => settings().length === 2);

  const [first, second] = settings();
  expect(first).toMatchObject({ url: expect.stringMatching(/:\d+\/telegram\/webhook$/), max_connections: 40 });
  expect(first?.secret_token).toMatch(/^[\w-]{43}$/);
  expect(second?.secret_token).toBe(first?.secret_token);
  expect((await conversationsIn(database)).texts).toEqual(["sent before", "sent after"]);
});

test("an update that is delivered twice, at once, to several processes and by polling, is one message with one run", async () => {
  const chat = await staffChat();
  const [one, two] = [await startProcess(), await startProcess()];
  await telegram.waitFor(() => settings().length === 2);
  await callTelegram(telegram, "deleteWebhook", {});
  for (const text of ["one", "two", "three"]) chat.send(text);
  const [first, ...rest] = telegram.pendingUpdates();
  if (!first) throw new Error("the stand-in has no update");

  const statuses = await Promise.all([first, first, first].flatMap((update) => [one.post(update), two.post(update)]));
  for (const update of rest) await Promise.all([one.post(update), two.post(update)]);
  const polling = await createIntakeBot({ telegram, database: database.database });
  polling.start();
  await allHandled({ telegram });
  await polling.stopIntake();
  await polling.stop(0);

  const stored = await conversationsIn(database);
  expect(statuses.map(({ status }) => status)).toEqual(Array(6).fill(200));
  expect(stored.texts).toEqual(["one", "two", "three"]);
  expect(stored.runs).toHaveLength(3);
  expect(stored.threads).toHaveLength(1);
});

test("updates during a database outage are delivered again until they are committed, in order", async () => {
  const chat = await staffChat();
  const log = recordLog();
  await startProcess({ logger: log.logger });
  await telegram.waitFor(() => settings().length === 1);

  await closeDatabaseToEveryone(database);
  chat.send("keep this");
  chat.send("and this");
  await log.waitForLine(({ msg }) => msg === "update was not committed: trying again", 6);
  const unconfirmed = telegram.pendingUpdates().length;
  await openDatabaseAgain(database);
  await allHandled({ telegram });

  expect(unconfirmed).toBe(2);
  expect((await conversationsIn(database)).texts).toEqual(["keep this", "and this"]);
});

test("an update that always fails because of our code is skipped, and the next ones are stored", async () => {
  const chat = await staffChat();
  const log = recordLog();
  await database.db.execute(sql`alter table messages add constraint no_poison check (text <> 'poison')`);
  await startProcess({ logger: log.logger });

  chat.send("poison");
  chat.send("after it");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["after it"]);
  expect(log.lines.filter(({ msg }) => msg === "update was not committed: trying again")).toHaveLength(0);
  expect(log.lines.filter(({ msg }) => msg === "update skipped: it failed every time")).toHaveLength(1);
});

test("a process that stops does not remove the webhook", async () => {
  const chat = await staffChat();
  const { bot } = await startProcess();
  await telegram.waitFor(() => settings().length === 1);

  await bot.stopIntake();
  chat.send("anybody there?");
  await startProcess();
  await allHandled({ telegram });

  expect(telegram.calls().map(({ method }) => method)).not.toContain("deleteWebhook");
  expect((await conversationsIn(database)).texts).toEqual(["anybody there?"]);
});

test("setting the webhook is retried while Telegram fails", async () => {
  const chat = await staffChat();
  const log = recordLog();
  telegram.failNext("setWebhook", { kind: "http", status: 502, body: "<h1>Bad Gateway</h1>" });
  telegram.failNext("setWebhook", { kind: "drop-before" });

  await startProcess({ logger: log.logger });
  chat.send("hello");
  await allHandled({ telegram });

  const retries = log.lines.filter(({ msg }) => msg === "could not set the webhook: trying again");
  expect(retries).toHaveLength(2);
  expect(JSON.stringify(log.lines)).not.toContain(BOT_TOKEN);
});

test("a token that Telegram refuses for the webhook ends the process with one message", async () => {
  const refused = Promise.withResolvers<StartupError>();
  const body = { ok: false, error_code: 401, description: "Unauthorized" };
  telegram.failNext("setWebhook", { kind: "http", status: 401, body });

  await startProcess({ onRefused: refused.resolve });
  const error = await refused.promise;

  expect(error).toBeInstanceOf(StartupError);
  expect(error.message).toMatch(/^Telegram refuses TELEGRAM_BOT_TOKEN: .*@BotFather/);
});

test("a supergroup whose message arrives before the group's notice continues the group's thread", async () => {
  const person = await staffPerson({ telegram, test: database }, "staff", { first_name: "An" });
  const { post } = await startProcess();
  await telegram.waitFor(() => settings().length === 1);
  await callTelegram(telegram, "deleteWebhook", {});
  const group = telegram.group({ title: "Shop", members: [person], type: "group", isBotAdministrator: true });
  group.send(`@${telegram.bot.username} beans?`);
  group.migrate().send(`@${telegram.bot.username} milk?`);

  const [beans, groupLeft, supergroupCame, milk] = telegram.pendingUpdates();
  for (const update of [beans, supergroupCame, milk, groupLeft]) if (update) await post(update);

  const { texts, threads } = await conversationsIn(database);
  expect(texts).toHaveLength(2);
  expect(threads).toHaveLength(1);
});

test("the whole product answers in webhook mode, and polls nothing", async () => {
  const port = await unusedPort();
  const webhook = { url: `http://127.0.0.1:${port}${PATH}`, path: PATH, secret: "chosen-by-the-operator" };
  const app = await startTestApp(repeats, { env: { PORT: String(port) }, webhook });
  const chat = await app.staff();

  chat.send("hello");
  await chat.waitForBotMessage("Answer: hello");
  await allHandled(app);
  const { status } = await fetch(webhook.url, { method: "POST", body: "{}" });
  await app.close();

  expect(status).toBe(401);
  expect(app.telegram.calls().map(({ method }) => method)).not.toContain("getUpdates");
});

/** A process in webhook mode with a pool of its own: the bot and its HTTP server. */
async function startProcess(deps: Partial<TelegramBotDeps> = {}) {
  const own = connectDatabase(database.target, { poolSize: 5 });
  const http = await serveWebhook({ path: PATH, handle: (...exchange) => webhook.handler.handle(...exchange) });
  const url = `${http.address}${PATH}`;
  const webhook = createWebhook({ url, path: PATH, secret: null }, BOT_TOKEN);
  const bot: TelegramBot = await createIntakeBot({ telegram, database: own }, { webhook, ...deps });
  bot.start();
  stops.push(async () => {
    await bot.stopIntake();
    await bot.stop(0);
    await http.close();
    await own.close();
  });
  const headers = { "x-telegram-bot-api-secret-token": webhook.secret };
  return { bot, post: (update: Update) => fetch(url, { method: "POST", headers, body: JSON.stringify(update) }) };
}

/** The calls of setWebhook, in order. */
function settings() {
  return telegram.calls().flatMap(({ method, params, outcome }) => {
    return method === "setWebhook" && outcome?.kind === "ok" ? [params] : [];
  });
}

async function staffChat() {
  return telegram.privateChat(await staffPerson({ telegram, test: database }, "staff", { first_name: "An" }));
}
