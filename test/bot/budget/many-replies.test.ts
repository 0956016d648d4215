/** More replies than a process holds in memory: they wait in the database, and none is forgotten. */
import { asc } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import { replies } from "../../../src/db/schema/index.ts";
import { textsOf } from "../bot-support.ts";
import { createScene, type Process, type Scene } from "./process-support.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await createScene();
});
afterEach(() => scene.close());

test("releasing a reply for lack of room, while Telegram makes it undeliverable, ends no process", async () => {
  const chat = scene.newChat();
  const process = await scene.startProcess({ maxOpenReplies: 0 });
  await scene.ask(chat, "one");
  const run = await process.claim();
  process.viewOf(run).emit({ type: "text-delta", delta: "Half" });
  await chat.waitForBotMessage("Half");
  const mayArrive = Promise.withResolvers<void>();
  scene.telegram.failNext("editMessageText", { kind: "delay", until: mayArrive.promise });
  process.viewOf(run).emit({ type: "text-delta", delta: " of it" });
  await scene.telegram.waitFor(() => scene.telegram.calls().some(({ method }) => method === "editMessageText"));

  await process.finish(run, "Half of it.");
  chat.block();
  mayArrive.resolve();

  // An unhandled rejection fails this test file.
  await statusesAre(["failed"]);
  await scene.answersElsewhere(await scene.startProcess());
});

test("replies behind a released one leave room for its delivery", async () => {
  const chats = Array.from({ length: 5 }, () => scene.newChat());
  const [chat] = chats;
  if (!chat) throw new Error("there are five");
  const process = await scene.startProcess({ maxOpenReplies: 4 });
  for (const each of chats) await scene.ask(each, "one");
  const runs = [];
  for (const _ of chats) runs.push(await process.claim());

  for (const run of runs) await process.finish(run, "Answer one.");
  for (const each of chats.slice(1)) await each.waitForBotMessage("Answer one.");
  await statusesAre(["pending", "delivered", "delivered", "delivered", "delivered"]);
  for (const text of ["two", "three", "four", "five"]) await answer(process, chat, text);
  await deliversAll(process);

  expect(textsOf(chat)).toEqual(["one", "two", "three", "four", "five"].map((text) => `Answer ${text}.`));
});

test("three times as many replies as fit, in few chats, are all delivered in order when Telegram is back", async () => {
  const process = await scene.startProcess({ maxOpenReplies: 4 });
  const chats = [scene.newChat(), scene.newChat(), scene.newChat()];
  const texts = ["one", "two", "three", "four"];
  process.freeze();
  for (const text of texts) for (const chat of chats) await answer(process, chat, text);
  await process.presenter.deliverWaiting();

  process.wake();
  await deliversAll(process);

  for (const chat of chats) expect(textsOf(chat)).toEqual(texts.map((text) => `Answer ${text}.`));
});

async function answer(process: Process, chat: StandInChat, text: string): Promise<void> {
  await scene.ask(chat, text);
  await process.finish(await process.claim(), `Answer ${text}.`);
}

/** Delivers waiting replies repeatedly, as the bot does, until there are none. */
async function deliversAll({ presenter }: Process): Promise<void> {
  const lookAndCount = async () => {
    await presenter.deliverWaiting();
    return (await statuses()).filter((status) => status !== "delivered");
  };
  await expect.poll(lookAndCount, { timeout: 20_000 }).toEqual([]);
}

async function statusesAre(expected: string[]): Promise<void> {
  await expect.poll(statuses, { timeout: 20_000 }).toEqual(expected);
}

async function statuses(): Promise<string[]> {
  const rows = await scene.store.db.select({ status: replies.status }).from(replies).orderBy(asc(replies.number));
  return rows.map(({ status }) => status);
}
