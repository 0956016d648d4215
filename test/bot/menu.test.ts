import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { TelegramBot } from "../../src/bot/bot.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { BOT_TOKEN, createIntakeBot } from "./intake/intake-support.ts";

let telegram: TelegramStandIn;
let database: TestDatabase;
let bot: TelegramBot;

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN });
  database = await createTestDatabase();
  bot = await createIntakeBot({ telegram, database: database.database });
});

afterEach(async () => {
  await bot.stopIntake();
  await bot.stop(0);
  await telegram.close();
  await database.close();
});

test("the menu gets its commands although Telegram fails at first", async () => {
  telegram.failNext("setMyCommands", { kind: "http", status: 502, body: "<h1>Bad Gateway</h1>" });
  const an = telegram.person({ first_name: "An", language_code: "vi" });

  bot.start();
  await telegram.waitFor(() => telegram.commandsFor(an)[0]?.description === textsIn("vi").commands.start);

  expect(telegram.commandsFor(an)).toHaveLength(Object.keys(textsIn("vi").commands).length);
});

test("a language that Telegram refuses for good is tried once, and the next language gets its commands", async () => {
  const body = { ok: false, error_code: 400, description: "Bad Request: BOT_COMMAND_INVALID" };
  telegram.failNext("setMyCommands", { kind: "http", status: 400, body });
  const an = telegram.person({ first_name: "An", language_code: "vi" });

  bot.start();
  await telegram.waitFor(() => telegram.commandsFor(an)[0]?.description === textsIn("vi").commands.start);

  const calls = telegram.calls().filter(({ method }) => method === "setMyCommands");
  expect(calls).toHaveLength(2);
});
