import { randomUUID } from "node:crypto";
import type { Message } from "@grammyjs/types";
import { afterEach, expect, test } from "vitest";
import { fails, says } from "../../sandbox/model/script.ts";
import type { ModelRequest, Turn } from "../../sandbox/model/turn.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { retryQuestion } from "../../src/db/queries/runs/retry.ts";
import { runs } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { buttonsOf, conversationOf, questionOf, staffPerson } from "./bot-support.ts";
import { ended, pressAnswers } from "./reply/reply-support.ts";

const texts = textsIn("en");
const BOT = "@counterhand_sandbox_bot";
const STATUSES = "{ runs { nodes { status } } }";
const PASSING = texts.faults.MODEL_UNAVAILABLE;

let app: TestApp | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

/** A model that fails until the returned function is called. */
async function startOutOfOrder(turn: Turn = fails({ status: 503, headers: { "x-should-retry": "false" } })) {
  const requests: ModelRequest[] = [];
  let isWell = false;
  app = await startTestApp((request) => {
    requests.push(request);
    return isWell ? says(`Answer: ${questionOf(request)}`) : turn;
  });
  const heal = () => {
    isWell = true;
  };
  return { app, heal, requests };
}

test("a failed answer has a button that asks the question again, once", async () => {
  const { app, heal, requests } = await startOutOfOrder();
  const chat = await app.staff();
  chat.send("stock?");
  const failed = await chat.waitForBotMessage(withRetry(PASSING));
  heal();

  chat.press(failed, texts.buttons.retry);
  await chat.waitForBotMessage(ended("Answer: stock?"));
  await app.telegram.waitFor(() => chat.messages().every((message) => buttonsOf(message).length === 0));

  expect(buttonsOf(failed)).toEqual([texts.buttons.retry]);
  expect(pressAnswers(chat)).toEqual([texts.retrying]);
  expect(conversationOf(requests.at(-1) as ModelRequest)).toEqual(["stock?", "stock?"]);
  expect(await app.graphql(STATUSES)).toEqual({
    runs: { nodes: [{ status: "COMPLETED" }, { status: "FAILED" }] },
  });
});

test("when two people press in a group, one asks and the other reads that it was asked again", async () => {
  const { app, heal, requests } = await startOutOfOrder();
  const first = await staffPerson(app, "staff", { first_name: "Linh" });
  const second = await staffPerson(app, "staff", { first_name: "Minh" });
  const group = app.telegram.group({ title: "Counter", members: [first, second] });
  group.send(`${BOT} stock?`, { from: first });
  const failed = await group.waitForBotMessage(withRetry(PASSING));
  const before = requests.length;
  heal();

  group.press(failed, texts.buttons.retry, first);
  group.press(failed, texts.buttons.retry, second);
  await app.telegram.waitFor(() => pressAnswers(group).length === 2);
  await group.waitForBotMessage(ended(`Answer: ${BOT} stock?`));

  expect(pressAnswers(group).toSorted()).toEqual([texts.retrying, texts.retriedAlready].toSorted());
  expect(requests).toHaveLength(before + 1);
});

test("a permanent fault has no retry button", async () => {
  const { app } = await startOutOfOrder(fails({ status: 401 }));
  const chat = await app.staff();

  chat.send("stock?");
  const failed = await chat.waitForBotMessage(texts.faults.MODEL_REFUSED_KEY);

  expect(buttonsOf(failed)).toEqual([]);
});

test("a failed run that another process delivers has the button too", async () => {
  const { app } = await startOutOfOrder();
  const chat = await app.staff();
  app.telegram.freeze(chat, 2);
  chat.send("stock?");
  await expect.poll(() => app.graphql(STATUSES)).toEqual({ runs: { nodes: [{ status: "FAILED" }] } });

  await app.restart();

  expect(buttonsOf(await chat.waitForBotMessage(PASSING))).toEqual([texts.buttons.retry]);
});

test("runs of another chat, runs that have not failed and unknown runs are not retried", async () => {
  const { app, heal } = await startOutOfOrder();
  const [chat, other] = [await app.staff(), await app.staff()];
  chat.send("stock?");
  await chat.waitForBotMessage(withRetry(PASSING));
  heal();
  other.send("revenue?");
  await other.waitForBotMessage(ended("Answer: revenue?"));
  const { db } = app.test;
  const [failed, completed] = await db.select({ id: runs.id, askerId: runs.askerId }).from(runs).orderBy(runs.queuedAt);
  const author = { id: completed?.askerId ?? "", role: "staff" as const };
  const place = {
    chat: { type: "private", botId: app.telegram.bot.id, telegramId: other.id, title: null },
    topicId: null,
  } as const;

  const outcomes = [];
  for (const [index, runId] of [failed?.id, completed?.id, randomUUID()].entries()) {
    const retry = { ...place, updateId: index + 1, runId: runId ?? "", author, language: "en" };
    outcomes.push((await retryQuestion(db, retry)).outcome);
  }

  expect(outcomes).toEqual(["nothing", "nothing", "nothing"]);
});

/** Matches a message with this text and a retry button. */
function withRetry(text: string) {
  return (message: Message) => message.text === text && buttonsOf(message).includes(texts.buttons.retry);
}
