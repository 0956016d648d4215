import type { Message } from "@grammyjs/types";
import { afterEach, expect, test } from "vitest";
import { fails, says, scripted } from "../../sandbox/model/script.ts";
import type { Fault } from "../../sandbox/telegram/faults.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, buttonsOf, conversationOf, questionOf, repeats, staffPerson, textsOf } from "./bot-support.ts";
import { ended, pressAnswers } from "./reply/reply-support.ts";

const BOT = "@counterhand_sandbox_bot";
const texts = textsIn("en");
let app: TestApp;
afterEach(() => app.close());

test("each topic of a private chat is a thread of its own, and is answered where it was asked", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff();
  const [stock, sales] = [chat.topic("Stock"), chat.topic("Sales")];

  for (const [text, topic] of [
    ["beans?", stock],
    ["yesterday?", sales],
    ["milk?", stock],
    ["hello", undefined],
  ] as const) {
    chat.send(text, topic === undefined ? {} : { messageThreadId: topic });
    await chat.waitForBotMessage(ended(`Answer: ${text}`));
  }
  chat.send("/new", { messageThreadId: sales });
  const closed = await chat.waitForBotMessage(texts.newThread);

  const asked = app.model.requests.map((request) =>
    conversationOf(request).filter((text) => !text.startsWith("Answer")),
  );
  expect(asked).toEqual([["beans?"], ["yesterday?"], ["beans?", "milk?"], ["hello"]]);
  expect(chat.botMessages().map(({ message_thread_id: id }) => id)).toEqual([stock, sales, stock, undefined, sales]);
  expect(closed.message_thread_id).toBe(sales);
});

test("a button of an old message does its work in its topic, which Telegram does not name", async () => {
  const hold = Promise.withResolvers<void>();
  const fault = fails({ status: 503, headers: { "x-should-retry": "false" } });
  const turns = [fault, says("Milk is fine."), says(["Beans", hold.promise, "."])];
  app = await startTestApp(scripted(turns));
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const topic = forum.topic("Stock");
  const here = { messageThreadId: topic };
  const old = { isOld: true };

  forum.send(`${BOT} milk?`, here);
  forum.press(await forum.waitForBotMessage(withButton(texts.buttons.retry)), texts.buttons.retry, person, old);
  const again = await forum.waitForBotMessage("Milk is fine.");
  forum.send(`/new@${BOT.slice(1)}`, here);
  await forum.waitForBotMessage(texts.newThread);
  forum.send(`/threads@${BOT.slice(1)}`, here);
  const list = await forum.waitForBotMessage(withButton(`${BOT} milk?`));
  forum.press(list, `${BOT} milk?`, person, old);
  forum.send(`${BOT} beans?`, here);
  forum.press(await forum.waitForBotMessage(withButton(texts.buttons.stop)), texts.buttons.stop, person, old);
  await app.telegram.waitFor(() => pressAnswers(forum).length === 3);

  expect(again.message_thread_id).toBe(topic);
  expect(pressAnswers(forum)).toEqual([texts.retrying, texts.resumed(`${BOT} milk?`), texts.stopping]);
  expect(app.model.requests.at(-1)?.body.input).toHaveLength(4);
});

test("a topic that is deleted before its answer ends that delivery only", async () => {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  app = await startTestApp((request) => {
    const question = questionOf(request);
    const until = question === "yesterday?" ? first.promise : question === "milk?" ? second.promise : undefined;
    return says(until ? [until, `Answer: ${question}`] : `Answer: ${question}`);
  });
  const chat = await app.staff();
  const [stock, sales] = [chat.topic("Stock"), chat.topic("Sales")];

  chat.send("yesterday?", { messageThreadId: sales });
  chat.send("milk?", { messageThreadId: stock });
  await app.telegram.waitFor(() => app.model.requests.length === 2);
  chat.deleteTopic(sales);
  first.resolve();
  second.resolve();
  await chat.waitForBotMessage(ended("Answer: milk?"));
  chat.send("hello");
  await chat.waitForBotMessage(ended("Answer: hello"));
  chat.send("beans?", { messageThreadId: stock });
  await chat.waitForBotMessage(ended("Answer: beans?"));

  await expect.poll(deliveries).toEqual({
    "yesterday?": ["FAILED", expect.stringMatching(/message thread not found$/)],
    "milk?": ["DELIVERED", null],
    hello: ["DELIVERED", null],
    "beans?": ["DELIVERED", null],
  });
});

test("an answer in a topic that was closed ends with the reason, and later answers elsewhere arrive", async () => {
  const until = Promise.withResolvers<void>();
  app = await startTestApp((request) => says([until.promise, `Answer: ${questionOf(request)}`]));
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const topic = forum.topic("Stock");

  forum.send(`${BOT} beans?`, { messageThreadId: topic });
  await app.telegram.waitFor(() => app.model.requests.length === 1);
  forum.closeTopic(topic);
  until.resolve();
  forum.send(`${BOT} milk?`);
  await forum.waitForBotMessage(ended(`Answer: ${BOT} milk?`));

  await expect.poll(deliveries).toEqual({
    [`${BOT} beans?`]: ["FAILED", expect.stringContaining("TOPIC_CLOSED")],
    [`${BOT} milk?`]: ["DELIVERED", null],
  });
});

test.each([
  "message to be replied not found",
  "message to reply not found",
  "reply message not found",
  "REPLY_MESSAGE_ID_INVALID",
])("an answer and a sentence whose question is gone are shown without the reply: %s", async (description) => {
  app = await startTestApp(repeats);
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const group = app.telegram.group({ title: "Shop", members: [person] });
  const body = { ok: false, error_code: 400, description: `Bad Request: ${description}` };
  const fault: Fault = { kind: "http", status: 400, body };
  const isReply = ({ params }: { params: Readonly<Record<string, unknown>> }) => "reply_parameters" in params;
  app.telegram.failNext(isReply, fault, 2);

  group.send(`${BOT} beans?`);
  await group.waitForBotMessage(ended(`Answer: ${BOT} beans?`));
  group.send("/help");
  await group.waitForBotMessage(texts.help);
  await allHandled(app);

  expect(textsOf(group)).toEqual([`Answer: ${BOT} beans?`, texts.help]);
  expect(group.botMessages().map(({ reply_to_message }) => reply_to_message)).toEqual([undefined, undefined]);
});

function withButton(label: string) {
  return (message: Message) => buttonsOf(message).includes(label);
}

async function deliveries() {
  const { runs } = await app.graphql<{
    runs: { nodes: { question: { text: string }; delivery: { status: string; error: string | null } }[] };
  }>("{ runs { nodes { question { text } delivery { status error } } } }");
  return Object.fromEntries(
    runs.nodes.map(({ question, delivery }) => [question.text, [delivery.status, delivery.error]]),
  );
}
