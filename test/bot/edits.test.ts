import { afterEach, expect, test } from "vitest";
import { says } from "../../sandbox/model/script.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { messageRevisions } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, questionOf, repeats, staffPerson, textsOf } from "./bot-support.ts";
import { BOT } from "./reply/reply-support.ts";

let app: TestApp;
afterEach(() => app.close());

test("a question that is edited while queued is answered as edited; later edits are stored but not answered", async () => {
  const release = await startWithHeldQuestion("one");
  const chat = await app.staff();
  const one = chat.send("one");
  await chat.waitForBotMessage(/^First/);
  const two = chat.send("two");

  chat.edit(two, "two, or rather three");
  chat.edit(one, "one, or rather four");
  await allHandled(app);
  release();
  await chat.waitForBotMessage("Answer: two, or rather three");
  chat.edit(two, "five");
  await allHandled(app);
  chat.send("last");
  await chat.waitForBotMessage("Answer: last");

  expect(app.model.requests.map(questionOf)).toEqual(["one", "two, or rather three", "last"]);
  expect(textsOf(chat)).toEqual(["First: done", "Answer: two, or rather three", "Answer: last"]);
  expect((await revisions()).sort()).toEqual(["five", "one, or rather four"]);
});

test("in a group only messages to the bot can be edited, also into a text that no longer mentions it", async () => {
  const release = await startWithHeldQuestion(`${BOT} one`);
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const group = app.telegram.group({ title: "Shop", members: [person], isBotAdministrator: true });
  group.send(`${BOT} one`);
  await group.waitForBotMessage(/^First/);
  const [meant, notMeant] = [group.send(`${BOT} two`), group.send("among ourselves")];

  group.edit(notMeant, `${BOT} among ourselves`);
  group.edit(meant, "two, all the same");
  await allHandled(app);
  release();
  await group.waitForBotMessage("Answer: two, all the same");

  expect(app.model.requests.map(questionOf)).toEqual([`${BOT} one`, "two, all the same"]);
  expect(textsOf(group)).toEqual(["First: done", "Answer: two, all the same"]);
});

test("a stranger gets no answer to an edit", async () => {
  app = await startTestApp(repeats);
  const stranger = app.telegram.privateChat(app.telegram.person({ first_name: "Alex" }));
  const hello = stranger.send("hello");
  await stranger.waitForBotMessage(textsIn("en").stranger);
  await app.test.db.execute("delete from stranger_notices");

  stranger.edit(hello, "hello?");
  await allHandled(app);
  const staff = await app.staff();
  staff.send("hi");
  await staff.waitForBotMessage("Answer: hi");

  expect(textsOf(stranger)).toEqual([textsIn("en").stranger]);
});

/** The model starts to answer this question, and continues when the returned function is called. */
async function startWithHeldQuestion(question: string): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  app = await startTestApp((request) =>
    questionOf(request) === question ? says(["First: ", promise, "done"]) : repeats(request),
  );
  return resolve;
}

async function revisions(): Promise<string[]> {
  const rows = await app.test.db.select({ text: messageRevisions.text }).from(messageRevisions);
  return rows.map(({ text }) => text);
}
