import { Api } from "grammy";
import { afterEach, expect, test } from "vitest";
import { says } from "../../../sandbox/model/script.ts";
import type { Fault } from "../../../sandbox/telegram/faults.ts";
import { createTelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import { systemClock } from "../../../src/bot/budget/clock.ts";
import { createSendBudget } from "../../../src/bot/budget/send-budget.ts";
import { createReplyTransport } from "../../../src/bot/reply/transport.ts";
import { clientOptions } from "../../../src/bot/telegram/connection.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { buttonsOf, textsOf } from "../bot-support.ts";
import { createFakeChat, type Fate } from "./fake-chat.ts";
import { callsTo, DELIVERED, ended, NEVER, runsAre, startReply } from "./reply-support.ts";

const http = (status: number, body: string | object): Fault => ({ kind: "http", status, body });
const refusal = (error_code: number, description: string) => http(error_code, { ok: false, error_code, description });
const REFUSED = "entities refused";
/** Each one occurs once, in a chat of its own. */
const FAULTS: Record<string, Fault> = {
  "connection reset before Telegram did it": { kind: "drop-before" },
  "connection reset after Telegram did it": { kind: "drop-after" },
  "500 of Telegram's": refusal(500, "Internal Server Error"),
  "502 with a page": http(502, "<html><h1>502 Bad Gateway</h1></html>"),
  "503 with somebody's JSON": http(503, { error: "upstream unavailable" }),
  "502 with JSON that is nothing": http(502, "null"),
  "200 without a result": http(200, { ok: true }),
  "429 without parameters": refusal(429, "Too Many Requests"),
  [REFUSED]: refusal(400, "Bad Request: ENTITY_BOUNDS_INVALID"),
};
const [START, MIDDLE, END] = ["The **start**", " goes on", " and ends."];
const CHAT = { telegramId: 1, isGroup: false };
const WHOLE = "The start goes on and ends.";

let running: TestApp | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

test.each([
  ["the first message", { method: "sendMessage", text: "The start" }],
  ["an edit in the middle", { method: "editMessageText", text: "The start goes on" }],
  ["the last edit", { method: "editMessageText", text: WHOLE }],
])("a fault of Telegram at %s loses nothing, and duplicates a message only if its answer was lost", async (_, at) => {
  const { app, chats, goOn, end } = await streamInChats(Object.keys(FAULTS));
  for (const [name, chat] of chats) {
    const isIt: Parameters<TestApp["telegram"]["failNext"]>[0] = ({ method, params, chatId }) =>
      chatId === chat.id && method === at.method && params.text === at.text;
    app.telegram.failNext(isIt, FAULTS[name] ?? { kind: "drop-before" });
    chat.send("tell me");
  }

  await allShow(chats, "The start");
  goOn();
  await allShow(chats, "The start goes on");
  end();
  await allShow(chats, WHOLE);
  const runs = await runsAre(
    app,
    [...chats.values()].map(() => DELIVERED),
  );

  const isFirst = at.method === "sendMessage";
  for (const [name, chat] of chats) {
    const orphan = isFirst && name.includes("after Telegram did it") ? ["The start"] : [];
    expect([name, textsOf(chat)]).toEqual([name, [...orphan, WHOLE]]);
    const [last] = chat.botMessages().toReversed();
    expect([name, last && buttonsOf(last)]).toEqual([name, []]);
    expect([name, last?.entities?.map(({ type }) => type)]).toEqual([name, name === REFUSED ? undefined : ["bold"]]);
    const met = callsTo(app, chat).filter(({ outcome }) => outcome?.kind === "http" || outcome?.kind === "dropped");
    expect([name, met.length]).toEqual([name, 1]);
  }
  expect(new Set(runs.map(({ message }) => message?.text))).toEqual(new Set([START + MIDDLE + END]));
  expect(app.telegram.limitCounts().insideWindow).toBe(0);
});

test.each(["in the middle", "at the very end"])(
  "a 429 %s loses nothing, and no call is made during its freeze",
  async (when) => {
    const { app, chats, goOn, end } = await streamInChats(["one"]);
    const [chat] = chats.values();
    chat?.send("tell me");
    await allShow(chats, "The start");

    if (chat) app.telegram.freeze(chat, 3);
    goOn();
    await app.telegram.waitFor(() => app.telegram.calls().some(({ outcome }) => outcome?.kind === "refused"));
    if (when === "in the middle") await allShow(chats, "The start goes on");
    end();
    await allShow(chats, WHOLE);
    await runsAre(app, [DELIVERED]);

    expect(app.telegram.limitCounts().insideWindow).toBe(0);
    expect(chat && textsOf(chat)).toEqual([WHOLE]);
  },
);

test("an edit without a change, according to Telegram, is done and not repeated", async () => {
  const { app, chats, goOn, end } = await streamInChats(["one"]);
  const [chat] = chats.values();
  chat?.send("tell me");
  await allShow(chats, "The start");
  app.telegram.failNext("editMessageText", refusal(400, "Bad Request: message is not modified"));

  goOn();
  await app.telegram.waitFor(() => app.telegram.calls().some(({ outcome }) => outcome?.kind === "http"));
  end();
  await allShow(chats, WHOLE);
  await runsAre(app, [DELIVERED]);

  const said = chat ? callsTo(app, chat).map(({ params }) => params.text) : [];
  // The end may be shown with the button first: its text arrives a moment before its end is stored.
  expect(said.filter((text) => text !== WHOLE)).toEqual(["The start", "The start goes on"]);
  expect(said.at(-1)).toBe(WHOLE);
  expect(said.length).toBeLessThanOrEqual(4);
});

test("while Telegram is down, calls become rare, and the reply is complete when it is back", async () => {
  const clock = createFakeClock();
  const outage: Fate[] = Array.from({ length: 30 }, () => ({ there: 40, back: 40, fault: { kind: "lost-before" } }));
  const telegram = createFakeChat(clock, { isGroup: false, fates: outage });
  let calls = 0;
  const send: typeof telegram.transport.send = (page) => {
    calls += 1;
    return telegram.transport.send(page);
  };
  const { outcome, end } = startReply({ chat: CHAT, transport: { ...telegram.transport, send }, clock });

  end(WHOLE);
  await clock.advance(10 * 60_000);
  const inTenMinutes = calls;
  await clock.advance(10 * 60_000);

  expect(inTenMinutes).toBeLessThan(30);
  expect(outcome()).toBe("delivered");
  expect(telegram.shown().map(({ text }) => text)).toEqual([WHOLE]);
});

test("while Telegram is down, typing is as rare as other calls, and continues when it is back", async () => {
  const clock = createFakeClock();
  const budget = createSendBudget({ clock });
  const chats = Array.from({ length: 20 }, (_, index) => {
    const telegram = createFakeChat(clock, { isGroup: false, fates: [] });
    telegram.setAway(true);
    const chat = { telegramId: index + 1, isGroup: false };
    return { telegram, ...startReply({ chat, transport: telegram.transport, clock, budget }) };
  });
  const attempts = () => chats.reduce((sum, { telegram }) => sum + telegram.attempts(), 0);

  await clock.advance(60_000);
  const whileAway = attempts();
  for (const { telegram } of chats) telegram.setAway(false);
  await clock.advance(20_000);
  const isTyping = chats.filter(({ telegram }) => telegram.accepted.some(({ kind }) => kind === "typing"));
  for (const { end } of chats) end(WHOLE);
  await clock.advance(20_000);

  // 15 calls were in flight when it was noticed; since then one at a time probed.
  expect(whileAway).toBeLessThan(30);
  expect(isTyping).toHaveLength(20);
  expect(chats.map(({ outcome }) => outcome())).toEqual(chats.map(() => "delivered"));
});

test("a fault in rendering blocks nothing: the next words show", async () => {
  const clock = createFakeClock();
  const telegram = createFakeChat(clock, { isGroup: false, fates: [] });
  const statusLine = () => {
    throw new Error("no words for it");
  };
  const { reply, outcome, end } = startReply({ chat: CHAT, transport: telegram.transport, clock, statusLine });

  reply.emit({ type: "tool-start", toolCallId: "1", name: "CheckOutOfStock", arguments: {} });
  await clock.advance(5_000);
  end(WHOLE);
  await clock.advance(5_000);

  expect(outcome()).toBe("delivered");
  expect(telegram.shown().map(({ text }) => text)).toEqual([WHOLE]);
});

test.each(["the first message", "the last edit"])("the wait for Telegram's answer to %s has a timeout", async (at) => {
  const token = "1:token";
  const telegram = await createTelegramStandIn({ token });
  const chat = telegram.privateChat(telegram.person({ first_name: "An" }));
  chat.send("tell me");
  const method = at === "the last edit" ? "editMessageText" : "sendMessage";
  telegram.failNext(method, { kind: "delay", until: NEVER });
  const shortlyWaiting = clientOptions({ token, apiRoot: telegram.apiRoot, proxy: null }, 2);
  const transport = createReplyTransport({
    api: new Api(token, shortlyWaiting),
    chat: { telegramId: chat.id, isGroup: false },
    topicId: null,
    replyToMessageId: null,
    buttons: { stop: { label: "Stop", data: "stop:1" }, retry: { label: "Retry", data: "retry:1" } },
    onMigrated: async () => undefined,
    signal: new AbortController().signal,
  });
  const { reply, outcome, say, end } = startReply({ chat: CHAT, transport, clock: systemClock });

  say("The start");
  await chat.waitForBotMessage("The start");
  end(WHOLE);
  await reply.done;
  await telegram.close();

  expect(outcome()).toBe("delivered");
  expect(telegram.calls().filter(({ outcome }) => outcome?.kind === "abandoned")).toHaveLength(1);
  expect(textsOf(chat)).toEqual(at === "the last edit" ? [WHOLE] : ["The start", WHOLE]);
});

/** Answers every question in three parts: the first at once, the others when the test releases them. */
async function streamInChats(names: string[]) {
  const [goOn, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const app = await startTestApp(() => says([START, goOn.promise, MIDDLE, end.promise, END]));
  running = app;
  const chats = new Map<string, StandInChat>();
  for (const name of names) chats.set(name, await app.staff());
  return { app, chats, goOn: goOn.resolve, end: end.resolve };
}

async function allShow(chats: Map<string, StandInChat>, text: string): Promise<void> {
  const isShown = text === WHOLE ? ended(text) : text;
  for (const chat of chats.values()) await chat.waitForBotMessage(isShown);
}
