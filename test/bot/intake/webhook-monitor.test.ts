import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import { createWebhookMonitor } from "../../../src/bot/intake/webhook-monitor.ts";
import { BOT_TOKEN, callTelegram, recordLog, unusedPort } from "./intake-support.ts";

const SIGNAL = new AbortController().signal;
/** Telegram gives the time of an error in seconds. */
const NOW_MS = Date.UTC(2026, 10, 24, 10);
let telegram: TelegramStandIn;
let url: string;

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN, now: () => NOW_MS });
  url = `http://127.0.0.1:${await unusedPort()}/telegram/webhook`;
});

afterEach(() => telegram.close());

test("a webhook that was removed is set again, and that is logged", async () => {
  const { check, log } = createMonitor();
  await setWebhook(url);
  await callTelegram(telegram, "deleteWebhook", {});

  await check();

  expect(await webhookInfo()).toMatchObject({ url });
  expect(log.lines.map(({ msg }) => msg)).toEqual([expect.stringContaining("the webhook was removed")]);
});

test("a webhook that was moved stays there, and the log says where", async () => {
  const { check, log } = createMonitor();
  const elsewhere = "http://127.0.0.1:9/telegram/webhook";
  await setWebhook(elsewhere);

  await check();

  expect(await webhookInfo()).toMatchObject({ url: elsewhere });
  expect(log.lines).toMatchObject([{ host: "127.0.0.1:9", msg: expect.stringContaining("to another address") }]);
});

test("a failed delivery is logged once, with Telegram's reason", async () => {
  const { check, log } = createMonitor();
  await setWebhook(url);
  telegram.privateChat(telegram.person({ first_name: "An" })).send("anybody there?");
  await expect.poll(webhookInfo).toHaveProperty("last_error_message");

  await check();
  await check();

  expect(log.lines).toMatchObject([
    {
      reason: expect.stringContaining("Connection failed"),
      waiting: 1,
      msg: expect.stringContaining("could not deliver"),
    },
  ]);
});

test("a working webhook logs nothing", async () => {
  const { check, log } = createMonitor();
  await setWebhook(url);

  await check();

  expect(log.lines).toEqual([]);
});

test("a check that fails is repeated the next time", async () => {
  const { check, log } = createMonitor();
  telegram.failNext("getWebhookInfo", { kind: "http", status: 502, body: "<h1>Bad Gateway</h1>" });

  await check();
  await check();

  expect(log.lines.map(({ msg }) => msg)).toEqual([
    "could not ask Telegram about the webhook",
    expect.stringContaining("the webhook was removed"),
  ]);
  expect(JSON.stringify(log.lines)).not.toContain(BOT_TOKEN);
});

test("a revoked token ends the process, with a message that says what to do", async () => {
  const { check, log, refusals } = createMonitor();
  const body = { ok: false, error_code: 401, description: "Unauthorized" };
  telegram.failNext("getWebhookInfo", { kind: "http", status: 401, body });

  await check();

  expect(refusals).toEqual([expect.stringContaining("Telegram refuses TELEGRAM_BOT_TOKEN")]);
  expect(log.lines).toEqual([]);
});

/** A monitor and its log. */
function createMonitor() {
  const log = recordLog();
  const api = new Api(BOT_TOKEN, { apiRoot: telegram.apiRoot });
  const register = () => setWebhook(url);
  const refusals: string[] = [];
  const onRefused = ({ message }: Error) => void refusals.push(message);
  const { check } = createWebhookMonitor({ api, url, register, onRefused, logger: log.logger });
  return { check: () => check(SIGNAL), log, refusals };
}

async function setWebhook(address: string): Promise<void> {
  await callTelegram(telegram, "setWebhook", { url: address });
}

function webhookInfo(): Promise<unknown> {
  return callTelegram(telegram, "getWebhookInfo", {});
}
