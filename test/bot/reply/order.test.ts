import { afterEach, expect, test } from "vitest";
import { says } from "../../../sandbox/model/script.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { allHandled, questionOf, staffPerson, textsOf } from "../bot-support.ts";
import { answers, asked, BOT, DELIVERED, ended, failEdits, runsAre, TOO_MANY_REQUESTS } from "./reply-support.ts";

let app: TestApp;
afterEach(() => app.close());

test("questions during a long answer are stored at once, and each is answered in its own messages, in order", async () => {
  const rest = Promise.withResolvers<void>();
  const part = (name: string) => Array.from({ length: 400 }, (_, index) => `${name}${index}`).join(" ");
  const [first, second] = [part("first"), part("second")];
  app = await startTestApp(answers({ one: says([first, rest.promise, `\n\n${second}`]) }));
  const chat = await app.staff();
  chat.send("one");
  await chat.waitForBotMessage(first);

  chat.send("two");
  chat.send("three");
  await allHandled(app);
  const meanwhile = await runsAre(app, [{ status: "IN_PROGRESS" }, { status: "QUEUED" }, { status: "QUEUED" }]);
  rest.resolve();
  await chat.waitForBotMessage(ended("Answer: three"));

  await runsAre(app, [DELIVERED, DELIVERED, DELIVERED]);
  expect(meanwhile).toHaveLength(3);
  expect(textsOf(chat).slice(-2)).toEqual(["Answer: two", "Answer: three"]);
  expect(textsOf(chat).slice(0, -2).join(" ").split(/\s+/)).toEqual(`${first} ${second}`.split(" "));
  expect(textsOf(chat)).toHaveLength(4);
});

test("two topics of a forum stream at the same time", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(
    answers({ beans: says(["Beans", rest.promise, " are low."]), sales: says(["Sales", rest.promise, " are up."]) }),
  );
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const [stock, money] = [forum.topic("Stock"), forum.topic("Sales")];

  forum.send(`${BOT} beans`, { messageThreadId: stock });
  forum.send(`${BOT} sales`, { messageThreadId: money });
  const beans = await forum.waitForBotMessage("Beans");
  const sales = await forum.waitForBotMessage("Sales");
  const whileBothGoOn = textsOf(forum).toSorted();
  rest.resolve();
  await forum.waitForBotMessage(ended("Beans are low."));
  await forum.waitForBotMessage(ended("Sales are up."));

  expect(whileBothGoOn).toEqual(["Beans", "Sales"]);
  expect([beans.message_thread_id, sales.message_thread_id]).toEqual([stock, money]);
  expect(forum.botMessages()).toHaveLength(2);
});

test("a reply that Telegram delays blocks only the next reply of its chat, but neither its next question nor other chats", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ one: says(["The start", rest.promise, " and the end."]) }));
  const [chat, other] = [await app.staff(), await app.staff()];
  chat.send("one");
  await chat.waitForBotMessage("The start");
  const giveWay = failEdits(app, chat, TOO_MANY_REQUESTS);
  rest.resolve();

  chat.send("two");
  await asked(app, "two");
  other.send("meanwhile");
  await other.waitForBotMessage(ended("Answer: meanwhile"));
  const whileFrozen = await runsAre(app, [
    { status: "COMPLETED", delivery: { status: "PARTIAL" } },
    { status: "COMPLETED", delivery: { status: "PENDING" } },
    DELIVERED,
  ]);
  const shownWhileFrozen = textsOf(chat);
  giveWay();
  await chat.waitForBotMessage(ended("Answer: two"));

  await runsAre(app, [DELIVERED, DELIVERED, DELIVERED]);
  expect(whileFrozen).toHaveLength(3);
  expect(shownWhileFrozen).toEqual(["The start"]);
  expect(textsOf(chat)).toEqual(["The start and the end.", "Answer: two"]);
  expect(newTextsOf(chat)).toEqual(["The start", "The start and the end.", "Answer: two"]);
});

test("a reply whose end Telegram refuses at first still comes before the next one", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ one: says(["The start", rest.promise, " and the end."]) }));
  const chat = await app.staff();
  chat.send("one");
  await chat.waitForBotMessage("The start");
  chat.send("two");
  app.telegram.failNext("editMessageText", { kind: "http", status: 502, body: "<html>Bad Gateway</html>" });

  rest.resolve();
  await chat.waitForBotMessage(ended("Answer: two"));

  await runsAre(app, [DELIVERED, DELIVERED]);
  expect(newTextsOf(chat)).toEqual(["The start", "The start and the end.", "Answer: two"]);
});

test("when a group becomes a supergroup, a delayed reply still comes before the next one", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ one: says(["The start", rest.promise, " and the end."]) }));
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const group = app.telegram.group({ title: "Shop", members: [person] });
  group.send(`${BOT} one`);
  await group.waitForBotMessage("The start");
  app.telegram.failNext("editMessageText", { kind: "too-many-requests", retryAfterSeconds: 1 });
  rest.resolve();
  await app.telegram.waitFor(() => app.telegram.calls().some(({ outcome }) => outcome?.kind === "refused"));

  const supergroup = group.migrate();
  supergroup.send(`${BOT} two`);
  await supergroup.waitForBotMessage(ended(`Answer: ${BOT} two`));

  await runsAre(app, [DELIVERED, DELIVERED]);
  expect(app.model.requests.map(questionOf)).toEqual([`${BOT} one`, `${BOT} two`]);
  expect(textsOf(supergroup)).toEqual(["The start and the end.", `Answer: ${BOT} two`]);
});

/** The texts of the chat in the order in which they appeared; a change of only the button does not count. */
function newTextsOf(chat: Awaited<ReturnType<TestApp["staff"]>>): (string | undefined)[] {
  const texts = chat.history.flatMap((change) =>
    (change.kind === "message-new" || change.kind === "message-edit") && change.message.from?.is_bot
      ? [change.message.text]
      : [],
  );
  return texts.filter((text, index) => text !== texts[index - 1]);
}
