import { afterEach, expect, test } from "vitest";
import { calls, says } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { runs, runText } from "../../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { allHandled, buttonsOf, questionOf, staffPerson, textsOf } from "../bot-support.ts";
import {
  answers,
  asked,
  BOT,
  callsTo,
  DELIVERED,
  ended,
  failEdits,
  holdShop,
  NEVER,
  pressAnswers,
  runsAre,
  STOPPED,
  TOO_MANY_REQUESTS,
} from "./reply-support.ts";

const texts = textsIn("en");
/** A model that starts to answer and never ends. */
const endless: Turn = says(["The first words", NEVER]);
const serverError = { kind: "http", status: 500, body: { ok: false, error_code: 500, description: "Oops" } } as const;
let app: TestApp;
afterEach(() => app.close());

test("a Vietnamese stop button ends the answer: the text so far stays, marked in Vietnamese, and the next question is answered", async () => {
  app = await startTestApp(answers({ "kể đi": endless }));
  const chat = await app.staff("staff", { language_code: "vi" });
  const vietnamese = textsIn("vi");
  chat.send("kể đi");
  const streaming = await chat.waitForBotMessage("The first words");

  chat.press(streaming, "⏹ Dừng");
  await (await asked(app, "kể đi")).whenAborted;
  await chat.waitForBotMessage(ended(`The first words\n\n${vietnamese.stopped}`));
  chat.send("next");
  await chat.waitForBotMessage(ended("Answer: next"));

  const [stopped] = await runsAre(app, [STOPPED, DELIVERED]);
  expect(stopped?.message?.text).toBe("The first words");
  expect(pressAnswers(chat)).toEqual([vietnamese.stopping]);
  expect(textsOf(chat)).toEqual(["The first words\n\nĐã dừng.", "Answer: next"]);
  expect(chat.botMessages()[0]?.entities).toEqual([{ type: "italic", offset: 17, length: 8 }]);
});

test("after a stop during a tool, the text so far stays, the status line disappears, and the tool delays nobody", async () => {
  const looks = calls({ name: "CheckOutOfStock" });
  app = await startTestApp(
    answers({ "what's low?": { parts: [{ kind: "text", text: "I will look." }, ...looks.parts] } }),
  );
  const chat = await app.staff();
  const release = await holdShop(app);
  chat.send("what's low?");
  const checking = await chat.waitForBotMessage("I will look.\n\nChecking stock…");

  chat.press(checking, texts.buttons.stop);
  await chat.waitForBotMessage(ended("I will look.\n\nStopped."));
  chat.send("next");
  await chat.waitForBotMessage(ended("Answer: next"));
  const [stopped] = await runsAre(app, [STOPPED, DELIVERED]);
  await release();

  expect(stopped?.message?.text).toBe("I will look.");
  expect(stopped?.toolCalls.nodes).toEqual([{ status: "FAILED" }]);
  expect(textsOf(chat)).toEqual(["I will look.\n\nStopped.", "Answer: next"]);
  expect(app.model.requests.map(questionOf)).toEqual(["what's low?", "next"]);
});

test("after a stop before the first word, the answer is one message that says so", async () => {
  app = await startTestApp(answers({ think: says([NEVER, "?"]) }));
  const chat = await app.staff();
  chat.send("think");
  const request = await asked(app, "think");

  chat.send("/stop");
  await request.whenAborted;
  await chat.waitForBotMessage(ended(texts.stopped));
  const [stopped] = await runsAre(app, [STOPPED]);

  expect(stopped?.message).toBeNull();
  expect(callsTo(app, chat)).toHaveLength(1);
});

test.each(["```sh\nnpm ci", "Run:\n\n~~~\nnpm ci\n"])(
  "after a stop within the code block %j, the mark follows the block",
  async (code) => {
    app = await startTestApp(answers({ how: says([code, NEVER]) }));
    const chat = await app.staff();
    chat.send("how");
    await chat.waitForBotMessage(/npm ci/);

    chat.send("/stop");
    const stopped = await chat.waitForBotMessage(/Stopped/);

    expect(stopped.text).toMatch(/npm ci\n+Stopped\.$/);
    expect(stopped.entities?.map(({ type }) => type)).toEqual(["pre", "italic"]);
  },
);

test("a person who stops their queued question gets a confirmation at once, and the current answer continues", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ long: says(["The first words", rest.promise, " and the last."]) }));
  const [first, second] = [
    await staffPerson(app, "staff", { first_name: "An" }),
    await staffPerson(app, "staff", { first_name: "Binh" }),
  ];
  const group = app.telegram.group({ title: "Shop", members: [first, second] });
  group.send(`${BOT} long`);
  await group.waitForBotMessage("The first words");
  group.send(`${BOT} waiting`, { from: second });
  await allHandled(app);

  const stop = group.send("/stop", { from: second });
  const said = await group.waitForBotMessage(texts.stopped);
  const meanwhile = await runsAre(app, [{ status: "IN_PROGRESS" }, STOPPED]);
  rest.resolve();
  await group.waitForBotMessage(ended("The first words and the last."));
  group.send(`${BOT} next`);
  await group.waitForBotMessage(ended(`Answer: ${BOT} next`));

  expect(said.reply_to_message?.message_id).toBe(stop.message_id);
  expect(meanwhile).toHaveLength(2);
  expect(app.model.requests.map(questionOf)).toEqual([`${BOT} long`, `${BOT} next`]);
  expect(textsOf(group)).toEqual(["The first words and the last.", "Stopped.", `Answer: ${BOT} next`]);
});

test("a stop takes effect at once, not at the worker's next heartbeat", async () => {
  app = await startTestApp(answers({ long: endless }));
  const [chat, other] = [await app.staff(), await app.staff()];
  for (const { send, waitForBotMessage } of [other, chat]) {
    send("long");
    await waitForBotMessage("The first words");
  }
  await expect.poll(() => app.test.db.$count(runText)).toBe(2);
  const [streaming] = chat.botMessages();

  await app.test.db.transaction(async (tx) => {
    // No lease can be renewed meanwhile: one statement renews all of them.
    await tx.select().from(runs).orderBy(runs.queuedAt).limit(1).for("update");
    chat.press(streaming ?? { message_id: 0 }, texts.buttons.stop);
    await chat.waitForBotMessage(ended("The first words\n\nStopped."));
  });

  await runsAre(app, [{ status: "IN_PROGRESS" }, STOPPED]);
});

test("a button pressed twice stops once, and both presses are answered", async () => {
  app = await startTestApp(answers({ long: endless }));
  const chat = await app.staff();
  chat.send("long");
  const streaming = await chat.waitForBotMessage("The first words");

  chat.press(streaming, texts.buttons.stop);
  chat.press(streaming, texts.buttons.stop);
  await app.telegram.waitFor(() => pressAnswers(chat).length === 2);
  await chat.waitForBotMessage(ended("The first words\n\nStopped."));
  await runsAre(app, [STOPPED]);

  expect(pressAnswers(chat).toSorted()).toEqual([texts.stopping, texts.nothingToStop]);
  expect(textsOf(chat)).toEqual(["The first words\n\nStopped."]);
});

test("a button that is still visible after the end changes nothing, and says so", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ long: says(["The first words", rest.promise, " and the last."]) }));
  const chat = await app.staff();
  const giveWay = failEdits(app, chat, serverError);
  chat.send("long");
  const streaming = await chat.waitForBotMessage("The first words");
  rest.resolve();
  await runsAre(app, [{ status: "COMPLETED" }]);

  chat.press(streaming, texts.buttons.stop);
  await app.telegram.waitFor(() => pressAnswers(chat).length === 1);
  giveWay();
  await chat.waitForBotMessage(ended("The first words and the last."));

  await runsAre(app, [DELIVERED]);
  expect(pressAnswers(chat)).toEqual([texts.nothingToStop]);
});

test("in a group only the asker and managers can stop an answer with the button", async () => {
  app = await startTestApp(answers({ long: endless }));
  const asker = await staffPerson(app, "staff", { first_name: "An" });
  const other = await staffPerson(app, "staff", { first_name: "Binh" });
  const manager = await staffPerson(app, "manager", { first_name: "Chi" });
  const group = app.telegram.group({ title: "Shop", members: [asker, other, manager] });

  for (const presser of [asker, manager]) {
    const question = group.send(`${BOT} long`);
    const streaming = await group.waitForBotMessage("The first words", { after: question });
    group.press(streaming, texts.buttons.stop, other);
    await app.telegram.waitFor(() => pressAnswers(group).at(-1) === texts.onlyOwnStop);
    group.press(streaming, texts.buttons.stop, presser);
    group.press(streaming, texts.buttons.stop, presser);
    await group.waitForBotMessage(ended("The first words\n\nStopped."), { after: question });
  }

  await app.telegram.waitFor(() => pressAnswers(group).length === 6);

  await runsAre(app, [STOPPED, STOPPED]);
  const each = [texts.onlyOwnStop, texts.stopping, texts.nothingToStop];
  expect(pressAnswers(group).toSorted()).toEqual([...each, ...each].toSorted());
});

test("a stop in one topic does not stop the answer in another", async () => {
  const rest = Promise.withResolvers<void>();
  app = await startTestApp(answers({ beans: endless, sales: says(["Yesterday", rest.promise, " was good."]) }));
  const person = await staffPerson(app, "manager", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const [stock, money] = [forum.topic("Stock"), forum.topic("Sales")];
  forum.send(`${BOT} beans`, { messageThreadId: stock });
  forum.send(`${BOT} sales`, { messageThreadId: money });
  await forum.waitForBotMessage("The first words");
  await forum.waitForBotMessage("Yesterday");

  forum.send("/stop", { messageThreadId: stock });
  await forum.waitForBotMessage(ended("The first words\n\nStopped."));
  rest.resolve();
  await forum.waitForBotMessage(ended("Yesterday was good."));

  await runsAre(app, [STOPPED, DELIVERED]);
});

test("while Telegram refuses every call to the chat, a stop still ends the run and the model's request at once", async () => {
  app = await startTestApp(answers({ long: endless }));
  const chat = await app.staff();
  chat.send("long");
  const streaming = await chat.waitForBotMessage("The first words");
  const giveWay = failEdits(app, chat, TOO_MANY_REQUESTS);

  chat.press(streaming, texts.buttons.stop);
  await (await asked(app, "long")).whenAborted;
  await app.telegram.waitFor(() => pressAnswers(chat).length === 1);
  const whileFrozen = await runsAre(app, [{ status: "CANCELLED" }]);
  const shownWhileFrozen = textsOf(chat);
  giveWay();
  await chat.waitForBotMessage(ended("The first words\n\nStopped."));

  await runsAre(app, [STOPPED]);
  expect(whileFrozen[0]?.delivery.status).toBe("PARTIAL");
  expect(shownWhileFrozen).toEqual(["The first words"]);
  expect(chat.botMessages().map(buttonsOf)).toEqual([[]]);
});
