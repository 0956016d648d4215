import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import { createWebhookMonitor } from "../../../src/bot/intake/webhook-monitor.ts";
import { BOT_TOKEN, callTelegram, recordLog, unusedPort } from "./intake-support.ts";

const SIGNAL = new AbortController().signal;
/** Telegram tells errors apart by their second. */
const NOW_MS = Date.UTC(2026, 10, 24, 10);
let telegram: TelegramStandIn;
let url: string;

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN, now: () => NOW_MS });
  url = `http://127.0.0.1:${await unusedPort()}/telegram/webhook`;
});

afterEach(() => telegram.close());

test("a webhook that somebody took off is set again, and the operator is told", async () => {
  const { look, log } = watch();
  await setWebhook(url);
  await callTelegram(telegram, "deleteWebhook", {});

  await look();

  expect(await webhookInfo()).toMatchObject({ url });
  expect(log.lines.map(({ msg }) => msg)).toEqual([expect.stringContaining("somebody took the webhook off")]);
});

test("a webhook that somebody moved stays where it is, and the operator is told where", async () => {
  const { look, log } = watch();
  const elsewhere = "http://127.0.0.1:9/telegram/webhook";
  await setWebhook(elsewhere);

  await look();

  expect(await webhookInfo()).toMatchObject({ url: elsewhere });
  expect(log.lines).toMatchObject([{ host: "127.0.0.1:9", msg: expect.stringContaining("to another address") }]);
});

test("what Telegram could not bring is told once, with Telegram's reason", async () => {
  const { look, log } = watch();
  await setWebhook(url);
  telegram.privateChat(telegram.person({ first_name: "An" })).send("anybody there?");
  await expect.poll(webhookInfo).toHaveProperty("last_error_message");

  await look();
  await look();

  expect(log.lines).toMatchObject([
    {
      reason: expect.stringContaining("Connection failed"),
      waiting: 1,
      msg: expect.stringContaining("could not bring"),
    },
  ]);
});

test("a webhook that fares well is worth no line", async () => {
  const { look, log } = watch();
  await setWebhook(url);

  await look();

  expect(log.lines).toEqual([]);
});

test("a Telegram that is away is asked the next time", async () => {
  const { look, log } = watch();
  telegram.failNext("getWebhookInfo", { kind: "http", status: 502, body: "<h1>Bad Gateway</h1>" });

  await look();
  await look();

  expect(log.lines.map(({ msg }) => msg)).toEqual([
    "could not ask Telegram about the webhook",
    expect.stringContaining("somebody took the webhook off"),
  ]);
  expect(JSON.stringify(log.lines)).not.toContain(BOT_TOKEN);
});

test("a token that was revoked ends the process, with a sentence that says what to do", async () => {
  const { look, log, refusals } = watch();
  const body = { ok: false, error_code: 401, description: "Unauthorized" };
  telegram.failNext("getWebhookInfo", { kind: "http", status: 401, body });

  await look();

  expect(refusals).toEqual([expect.stringContaining("Telegram refuses TELEGRAM_BOT_TOKEN")]);
  expect(log.lines).toEqual([]);
});

/** A watch, and what it says. */
function watch() {
  const log = recordLog();
  const api = new Api(BOT_TOKEN, { apiRoot: telegram.apiRoot });
  const tell = () => setWebhook(url);
  const refusals: string[] = [];
  const onRefused = ({ message }: Error) => void refusals.push(message);
  const { look } = createWebhookMonitor({ api, url, tell, onRefused, logger: log.logger });
  return { look: () => look(SIGNAL), log, refusals };
}

async function setWebhook(address: string): Promise<void> {
  await callTelegram(telegram, "setWebhook", { url: address });
}

function webhookInfo(): Promise<unknown> {
  return callTelegram(telegram, "getWebhookInfo", {});
}
