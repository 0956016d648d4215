import { afterEach, expect, test } from "vitest";
import { says } from "../../../sandbox/model/script.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import { chats } from "../../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { buttonsOf, staffPerson, textsOf } from "../bot-support.ts";
import { answers, BOT, callsTo, DELIVERED, ended, runsAre } from "./reply-support.ts";

const WHOLE = "The start and the end.";
let app: TestApp;
afterEach(() => app.close());

test("a deleted message gets no more edits, and the rest of the reply continues in the next message", async () => {
  const { chat, goOn } = await streamIn("private", [numbers(1, 900), numbers(901, 1_200)]);
  const first = await chat.waitForBotMessage(/900$/);

  chat.deleteMessage(first);
  goOn();
  const second = await chat.waitForBotMessage(/1200$/);
  const [run] = await runsAre(app, [DELIVERED]);

  expect(run?.message?.text).toBe(numbers(1, 1_200));
  expect(textsOf(chat)).toEqual([second.text]);
  expect(chat.botMessages().map(buttonsOf)).toEqual([[]]);
  expect(refusedCalls(chat)).toEqual(["Bad Request: message to edit not found"]);
});

test("a person who blocks the bot during a reply gets no more calls, and is answered when they come back", async () => {
  const { chat, goOn } = await streamIn("private");

  chat.block();
  goOn();
  const [run] = await runsAre(app, [{ status: "COMPLETED", delivery: { status: "FAILED" } }]);
  chat.unblock();
  chat.send("still there?");
  await chat.waitForBotMessage(ended("Answer: still there?"));

  expect(run?.message?.text).toBe(WHOLE);
  expect(run?.delivery.error).toContain("bot was blocked by the user");
  expect(refusedCalls(chat)).toEqual(["Forbidden: bot was blocked by the user"]);
  expect(textsOf(chat)).toEqual(["The start", "Answer: still there?"]);
});

test("a group that removes the bot during a reply gets no more calls, and is answered when the bot is back", async () => {
  const { chat, goOn } = await streamIn("group");

  chat.kick();
  goOn();
  const [run] = await runsAre(app, [{ status: "COMPLETED", delivery: { status: "FAILED" } }]);
  chat.readmit();
  chat.send(`${BOT} still there?`);
  await chat.waitForBotMessage(ended(`Answer: ${BOT} still there?`));

  expect(run?.message?.text).toBe(WHOLE);
  expect(run?.delivery.error).toContain("bot was kicked");
  expect(refusedCalls(chat)).toEqual(["Forbidden: bot was kicked from the group chat"]);
});

test.each([
  "Bad Request: chat not found",
  "Forbidden: user is deactivated",
  "Forbidden: the group chat was deleted",
  "Forbidden: bot is not a member of the supergroup chat",
  "Bad Request: not enough rights to send text messages to the chat",
  "Bad Request: CHAT_WRITE_FORBIDDEN",
  "Bad Request: message thread not found",
  "Bad Request: TOPIC_CLOSED",
])(
  "after “%s”, no other call is made, the run is stored completely, and the delivery says why",
  async (description) => {
    const { chat, goOn } = await streamIn("private");
    const error_code = description.startsWith("Forbidden") ? 403 : 400;
    const refusal = { kind: "http", status: error_code, body: { ok: false, error_code, description } } as const;
    app.telegram.failNext(({ chatId }) => chatId === chat.id, refusal, 100);

    goOn();
    const [run] = await runsAre(app, [{ status: "COMPLETED", delivery: { status: "FAILED" } }]);

    expect(run?.message?.text).toBe(WHOLE);
    expect(run?.delivery.error).toBe(description);
    expect(callsTo(app, chat).filter(({ outcome }) => outcome?.kind === "http")).toHaveLength(1);
  },
);

test("a group that becomes a supergroup during a reply gets the whole reply in its new chat, once", async () => {
  const { chat: group, goOn } = await streamIn("group");

  const supergroup = group.migrate();
  goOn();
  await supergroup.waitForBotMessage(ended(WHOLE));
  const [run] = await runsAre(app, [DELIVERED]);

  expect(run?.message?.text).toBe(WHOLE);
  expect(textsOf(supergroup)).toEqual([WHOLE]);
  expect(callsTo(app, group).filter(({ outcome }) => outcome?.kind === "refused")).toHaveLength(1);
  expect(await storedChats()).toEqual([{ telegramId: supergroup.id, type: "supergroup" }]);
});

test("a group's new id is also read from Telegram's refusal, before the service message arrives", async () => {
  const { chat: group, goOn } = await streamIn("group");
  let isHeldBack = true;
  const isPoll = ({ method }: { method: string }) => isHeldBack && method === "getUpdates";
  app.telegram.failNext(isPoll, { kind: "http", status: 502, body: "<html>502</html>" }, 100);
  group.send("/help");
  await app.telegram.waitFor(() =>
    app.telegram.calls().some(({ method, outcome }) => method === "getUpdates" && outcome?.kind === "http"),
  );

  const supergroup = group.migrate();
  goOn();
  await supergroup.waitForBotMessage(ended(WHOLE));
  await runsAre(app, [DELIVERED]);
  const beforeItsServiceMessage = await storedChats();
  isHeldBack = false;
  supergroup.send(`${BOT} next`);
  await supergroup.waitForBotMessage(ended(`Answer: ${BOT} next`));

  expect(beforeItsServiceMessage).toEqual([{ telegramId: supergroup.id, type: "supergroup" }]);
  expect(textsOf(supergroup)).toEqual([WHOLE, `Answer: ${BOT} next`]);
});

test("in the supergroup nothing quotes a message by its id in the old group", async () => {
  const { chat: group, goOn } = await streamIn("group");
  const question = group.send(`${BOT} next`);
  await app.telegram.waitFor(() => app.telegram.pendingUpdates().length === 0);

  const supergroup = group.migrate();
  while (supergroup.send("between us").message_id < question.message_id);
  goOn();
  await supergroup.waitForBotMessage(ended(`Answer: ${BOT} next`));

  expect(supergroup.botMessages().map(({ text, reply_to_message: quoted }) => [text, quoted?.message_id])).toEqual([
    [WHOLE, undefined],
    [`Answer: ${BOT} next`, undefined],
  ]);
});

test("a process that takes over a reply after the migration of its group sends it again in the supergroup", async () => {
  const { chat: group, goOn } = await streamIn("group");
  app.telegram.failNext("editMessageText", { kind: "too-many-requests", retryAfterSeconds: 30 });
  goOn();
  await runsAre(app, [{ status: "COMPLETED", delivery: { status: "PARTIAL" } }]);
  const supergroup = group.migrate();
  await app.telegram.waitFor(() => app.telegram.pendingUpdates().length === 0);

  await app.restart();
  await supergroup.waitForBotMessage(ended(WHOLE));

  await runsAre(app, [DELIVERED]);
  expect(textsOf(supergroup)).toEqual([WHOLE]);
});

/** Asks "tell me", and waits until the chat shows the first part of the answer. */
async function streamIn(type: "private" | "group", [start, end] = ["The start", " and the end."]) {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ "tell me": says([start ?? "", rest.promise, ` ${end?.trimStart()}`]) }));
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const chat =
    type === "private" ? app.telegram.privateChat(person) : app.telegram.group({ title: "Shop", members: [person] });
  chat.send(type === "private" ? "tell me" : `${BOT} tell me`);
  await chat.waitForBotMessage(start ?? "");
  return { chat, goOn: rest.resolve };
}

function numbers(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index).join(" ");
}

/** Telegram's refusals of invalid calls, without those that were too early on a busy machine. */
function refusedCalls(chat: StandInChat): string[] {
  const refused = callsTo(app, chat).flatMap(({ outcome }) =>
    outcome?.kind === "refused" ? [outcome.description] : [],
  );
  return refused.filter((description) => !description.startsWith("Too Many Requests"));
}

function storedChats() {
  return app.test.db.select({ telegramId: chats.telegramId, type: chats.type }).from(chats);
}
