import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";

const TOKEN = "4242:secret";
let standIn: TelegramStandIn;
let api: Api;
let chat: StandInChat;

beforeEach(async () => {
  standIn = await createTelegramStandIn({ token: TOKEN, limits: "none" });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
  chat = standIn.privateChat(standIn.person({ first_name: "Hoa" }));
  chat.send("hello");
});

afterEach(() => standIn.close());

test("an injected 429 is sent the requested number of times, and those calls have no effect", async () => {
  standIn.failNext("sendMessage", { kind: "too-many-requests", retryAfterSeconds: 7 }, 2);

  for (const text of ["one", "two"]) {
    await expect(api.sendMessage(chat.id, text)).rejects.toMatchObject({ parameters: { retry_after: 7 } });
  }
  await api.sendMessage(chat.id, "three");

  expect(chat.botMessages().map(({ text }) => text)).toEqual(["three"]);
});

test("a fault can match a call by its parameters", async () => {
  standIn.failNext(({ params }) => params.text === "unlucky", {
    kind: "http",
    status: 502,
    body: "<html>Bad Gateway",
  });

  await api.sendMessage(chat.id, "lucky");
  const failing = api.sendMessage(chat.id, "unlucky");

  await expect(failing).rejects.toThrow();
  expect(standIn.calls().map(({ outcome }) => outcome?.kind)).toEqual(["ok", "http"]);
});

test("a connection dropped before the call leaves no message, dropped after it leaves one", async () => {
  standIn.failNext("sendMessage", { kind: "drop-before" });
  standIn.failNext("sendMessage", { kind: "drop-after" });

  await expect(api.sendMessage(chat.id, "before")).rejects.toThrow("Network request");
  await expect(api.sendMessage(chat.id, "after")).rejects.toThrow("Network request");

  expect(chat.botMessages().map(({ text }) => text)).toEqual(["after"]);
  expect(standIn.calls().map(({ outcome }) => outcome)).toEqual([
    { kind: "dropped", applied: false },
    { kind: "dropped", applied: true },
  ]);
});

test("a delayed call takes effect after the delay, and others overtake it", async () => {
  const gate = Promise.withResolvers<void>();
  standIn.failNext("sendMessage", { kind: "delay", until: gate.promise });
  const slow = api.sendMessage(chat.id, "slow");
  await standIn.waitFor(() => standIn.calls().length === 1);

  await api.sendMessage(chat.id, "fast");
  gate.resolve();
  await slow;

  expect(chat.botMessages().map(({ text }) => text)).toEqual(["fast", "slow"]);
});

test("close does not wait for a delayed call", async () => {
  standIn.failNext("sendMessage", { kind: "delay", until: new Promise(() => undefined) });
  const ended = expect(api.sendMessage(chat.id, "never")).rejects.toThrow();
  await standIn.waitFor(() => standIn.calls().length === 1);

  await standIn.close();

  await ended;
});

test("a waitFor timeout lists the calls", async () => {
  await api.sendMessage(chat.id, "something else");

  const waiting = chat.waitForBotMessage("never said", { timeoutMs: 1 });

  await expect(waiting).rejects.toThrow(/within 1 ms[\s\S]*sendMessage .*something else.* -> ok/);
});

test("the call log has parameters, times and outcomes", async () => {
  await api.sendMessage(chat.id, "x");
  await expect(api.sendMessage(1, "x")).rejects.toThrow();

  expect(standIn.calls()).toMatchObject([
    { method: "sendMessage", params: { text: "x" }, chatId: chat.id, outcome: { kind: "ok" } },
    { method: "sendMessage", chatId: undefined, outcome: { kind: "refused", errorCode: 400 } },
  ]);
});
