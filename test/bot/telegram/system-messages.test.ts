import { Api, Context } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { Clock } from "../../../src/bot/budget/clock.ts";
import { createSendBudget, type SendBudget } from "../../../src/bot/budget/send-budget.ts";
import { HeldCallError } from "../../../src/bot/telegram/api-errors.ts";
import { createSystemMessages, type SystemMessages } from "../../../src/bot/telegram/system-messages.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { textsOf } from "../bot-support.ts";
import { BOT_TOKEN, recordLog, unusedPort } from "../intake/intake-support.ts";

const AN = { id: 7_001, is_bot: false, first_name: "An" } as const;
const CHAT = { telegramId: AN.id, isGroup: false };
const LIFETIME_MS = 120_000;

let port: number;
let telegram: TelegramStandIn | undefined;
let clock: FakeClock;
let budget: SendBudget;
let systemMessages: SystemMessages;
let log: ReturnType<typeof recordLog>;
let attempts: number;
let isHeld: boolean;
/** The pauses between tries so far, in milliseconds. */
let pauses: number[];
let passed: number;

beforeEach(async () => {
  port = await unusedPort();
  clock = createFakeClock();
  budget = createSendBudget({ clock });
  log = recordLog();
  attempts = 0;
  isHeld = false;
  passed = 0;
  const api = new Api(BOT_TOKEN, { apiRoot: `http://127.0.0.1:${port}` });
  api.config.use((call, method, payload, signal) => {
    attempts += 1;
    if (isHeld) throw new HeldCallError();
    return call(method, payload, signal);
  });
  pauses = [];
  const watched: Clock = {
    now: clock.now,
    after(delayMs, callback) {
      if (delayMs !== LIFETIME_MS) pauses.push(delayMs);
      return clock.after(delayMs, callback);
    },
  };
  systemMessages = createSystemMessages({ api, budget, clock: watched, logger: log.logger });
});

afterEach(async () => {
  await systemMessages.stop(0);
  await telegram?.close();
  telegram = undefined;
});

test("a message is retried while Telegram cannot be reached, and then sent once", async () => {
  say("hello");
  await passPauses(7);
  await expect.poll(() => pauses.length).toBe(8);
  const chat = await startTelegram();
  await passPauses(8);
  await untilShown(chat, ["hello"]);

  expect(attempts).toBe(9);
  expect(log.lines).toEqual([]);
});

test("a process that may not call Telegram for a while sends its messages later, in order", async () => {
  const chat = await startTelegram();
  isHeld = true;
  say("one");
  say("two");
  await passPauses(7);
  const heldTries = attempts;

  isHeld = false;
  await untilShown(chat, ["one", "two"]);

  expect(heldTries).toBeGreaterThan(5);
  expect(log.lines).toEqual([]);
});

test("a message expires two minutes after it was queued, and each dropped one is in the log", async () => {
  budget.freeze(CHAT, 1_000);
  say("one");
  say("two");
  say("three");

  await clock.advance(LIFETIME_MS);
  await log.waitForLine(isDropped, 3);

  expect(attempts).toBe(0);
  expect(log.lines.filter(isDropped)).toHaveLength(3);
});

test("with more than twenty messages in a chat's queue the rest is dropped, with one warning", async () => {
  budget.freeze(CHAT, 1_000);

  for (let number = 1; number <= 25; number++) say(`message ${number}`);
  await clock.advance(LIFETIME_MS);
  await log.waitForLine(isDropped, 20);

  expect(log.lines.filter(isDropped)).toHaveLength(20);
  expect(log.lines.filter(({ msg }) => /^too many system messages/.test(msg))).toHaveLength(1);
});

test("a message is dropped with one line when Telegram asks to wait again and again", async () => {
  await startTelegram();
  telegram?.failNext("sendMessage", { kind: "too-many-requests", retryAfterSeconds: 1 }, 99);

  say("hello");
  const dropped = async () => {
    await clock.advance(1_000);
    return log.lines.filter(isDropped).length;
  };
  await expect.poll(dropped).toBe(1);

  expect(attempts).toBe(6);
  expect(log.lines.map(({ msg }) => msg)).toEqual(["a system message was dropped"]);
});

test("messages in the queue are dropped when the process stops, and the log says so", async () => {
  isHeld = true;
  say("one");
  say("two");

  await systemMessages.stop(0);
  await log.waitForLine(isDropped, 2);

  expect(log.lines.filter(isDropped)).toHaveLength(2);
});

/** Advances the clock until `count` pauses are over. */
async function passPauses(count: number): Promise<void> {
  for (; passed < count; passed++) {
    await expect.poll(() => pauses.length).toBeGreaterThan(passed);
    await clock.advance(pauses[passed] ?? 0);
    // For the next slot of the chat.
    await clock.advance(2_000);
  }
}

/** Advances the clock until the chat shows these texts. */
async function untilShown(chat: StandInChat, texts: string[]): Promise<void> {
  const look = async () => {
    await clock.advance(100);
    return textsOf(chat);
  };
  await expect.poll(look).toEqual(texts);
}

async function startTelegram() {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN, port, limits: "none" });
  const chat = telegram.privateChat(telegram.person(AN));
  // A bot may only write to people who have written to it.
  chat.send("/start");
  return chat;
}

/** As a handler does for a message from An. */
function say(text: string): void {
  const chat = { id: AN.id, type: "private", first_name: AN.first_name } as const;
  const update = { update_id: 1, message: { message_id: 2, date: 0, from: AN, chat, text: "/help" } };
  const me = { ...AN, id: 7_123_456_789, is_bot: true, username: "shop_bot" };
  // Only the id and username of the bot are read.
  systemMessages.say(new Context(update, new Api(BOT_TOKEN), me as Context["me"]), text);
}

function isDropped({ msg }: { msg: string }): boolean {
  return msg === "a system message was dropped";
}
