/** Replies of several processes in one chat: each has its own presenter, on one database and one Telegram. */
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import { releaseRuns } from "../../../src/db/queries/runs/run-queue.ts";
import { replies, workers } from "../../../src/db/schema/index.ts";
import type { TestDatabase } from "../../support/database.ts";
import { textsOf } from "../bot-support.ts";
import { createScene, type Scene } from "./process-support.ts";

let scene: Scene;
let telegram: TelegramStandIn;
let store: TestDatabase;
beforeEach(async () => {
  scene = await createScene();
  ({ telegram, store } = scene);
});
afterEach(() => scene.close());

test("an answer waits for the earlier one in its chat that another process is sending", async () => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  const mayArrive = Promise.withResolvers<void>();
  telegram.failNext(({ chatId }) => chatId === chat.id, { kind: "delay", until: mayArrive.promise });
  await scene.ask(chat, "one");
  await first.finish(await first.claim(), "Answer one.");
  await telegram.waitFor(() => telegram.calls().some(({ chatId }) => chatId === chat.id));
  await scene.ask(chat, "two");

  await second.finish(await second.claim(), "Answer two.");
  await scene.answersElsewhere(second);
  mayArrive.resolve();
  await chat.waitForBotMessage("Answer two.");

  expect(textsOf(chat)).toEqual(["Answer one.", "Answer two."]);
});

test("a process delivers what a dead one left before its own next answer", async () => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  first.freeze();
  await scene.ask(chat, "one");
  await first.finish(await first.claim(), "Answer one.");
  await first.end();
  await scene.ask(chat, "two");
  await second.finish(await second.claim(), "Answer two.");
  await scene.answersElsewhere(second);

  await second.presenter.deliverWaiting();
  await chat.waitForBotMessage("Answer two.");

  expect(textsOf(chat)).toEqual(["Answer one.", "Answer two."]);
});

test("a suspended process makes no call, and the reply of its successor stays unchanged", async () => {
  const chat = scene.newChat();
  const [frozen, successor] = [await scene.startProcess(), await scene.startProcess()];
  await scene.ask(chat, "one");
  const run = await frozen.claim();
  const view = frozen.viewOf(run);
  view.emit({ type: "text-delta", delta: "Half an" });
  const shown = await chat.waitForBotMessage("Half an");
  await expect
    .poll(async () => (await store.db.select().from(replies))[0]?.telegramMessageIds)
    .toEqual([shown.message_id]);

  frozen.freeze();
  view.emit({ type: "text-delta", delta: " answer of yesterday" });
  await store.db
    .update(workers)
    .set({ leaseUntil: sql`now() - interval '1 second'` })
    .where(sql`id = ${frozen.lock.workerId}`);
  const taken = await successor.claim();
  await successor.finish(taken, "The whole answer.");
  await chat.waitForBotMessage("The whole answer.");
  frozen.presenter.loseAll();
  frozen.wake();
  await frozen.presenter.stop(60_000);

  expect(taken).toMatchObject({ attempt: 2, reply: { telegramMessageIds: [shown.message_id] } });
  expect(textsOf(chat)).toEqual(["The whole answer."]);
});

test("a message in flight when its process died may be duplicated, and is counted", async () => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  const never = Promise.withResolvers<void>();
  telegram.failNext(({ chatId }) => chatId === chat.id, { kind: "delay", until: never.promise });
  await scene.ask(chat, "one");
  await first.finish(await first.claim(), "Answer one.");
  await telegram.waitFor(() => telegram.calls().some(({ chatId }) => chatId === chat.id));
  await first.lock.release();

  await second.presenter.deliverWaiting();
  await chat.waitForBotMessage("Answer one.");
  never.resolve();
  await telegram.waitFor(() => textsOf(chat).length === 2);

  expect((await store.db.select().from(replies))[0]).toMatchObject({ resentCount: 1 });
});

test.each(["sendMessage", "editMessageText"])("a %s under way ends when the process loses its lock", async (method) => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  const mayArrive = Promise.withResolvers<void>();
  telegram.failNext(method, { kind: "delay", until: mayArrive.promise });
  await scene.ask(chat, "one");
  const view = first.viewOf(await first.claim());
  view.emit({ type: "text-delta", delta: "Half an" });
  if (method === "editMessageText") {
    await chat.waitForBotMessage("Half an");
    view.emit({ type: "text-delta", delta: " old answer" });
  }
  await telegram.waitFor(() => telegram.calls().some((call) => call.method === method));

  await first.lock.release();
  first.presenter.loseAll();
  await telegram.waitFor(() => telegram.calls().some(({ outcome }) => outcome?.kind === "abandoned"));
  await second.finish(await second.claim(), "The whole answer.");
  await chat.waitForBotMessage("The whole answer.");
  mayArrive.resolve();
  await first.presenter.stop(60_000);

  // It had reached Telegram, which does what it was asked.
  expect(textsOf(chat)).toEqual(method === "sendMessage" ? ["Half an", "The whole answer."] : ["The whole answer."]);
});

test("a takeover removes nothing from the screen: it shows its text when that is as long, or at the end", async () => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  await scene.ask(chat, "one");
  const run = await first.claim();
  const view = first.viewOf(run);
  view.emit({ type: "text-delta", delta: "Oat milk is" });
  const shown = await chat.waitForBotMessage("Oat milk is");
  await store.db.execute(sql`insert into run_text (run_id, "offset", "text") values (${run.id}, 0, 'Oat milk is')`);
  await expect
    .poll(async () => (await store.db.select().from(replies))[0]?.telegramMessageIds)
    .toEqual([shown.message_id]);
  await first.end();
  const again = second.viewOf(await second.claim());

  again.emit({ type: "text-delta", delta: "Oat" });
  await scene.answersElsewhere(second);
  again.emit({ type: "text-delta", delta: " milk is out of stock." });
  await chat.waitForBotMessage("Oat milk is out of stock.");

  const edits = chat.history.flatMap((change) => (change.kind === "message-edit" ? [change.message.text] : []));
  expect(edits).toEqual(["Oat milk is out of stock."]);
});

test("the next process knows the rate window and the freeze of a chat", async () => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  await scene.ask(chat, "one");
  const run = await first.claim();
  const view = first.viewOf(run);
  // Long enough that a busy machine saves the freeze before it is over.
  telegram.freeze(chat, 6);
  view.emit({ type: "text-delta", delta: "Half" });
  await telegram.waitFor(() => chat.limitCounts().refused === 1);
  await expect.poll(async () => first.createRateWindowStore().then(() => claimedWindow(chat))).toBeGreaterThan(0);
  first.freeze();
  await releaseRuns(store.db, first.lock.workerId);

  await second.finish(await second.claim(), "The whole answer.");
  await chat.waitForBotMessage("The whole answer.");

  expect(chat.limitCounts()).toMatchObject({ refused: 1, insideWindow: 0 });
});

async function claimedWindow(chat: StandInChat): Promise<number> {
  const [row] = await store.db.execute<{ ms: number | null }>(
    sql`select extract(epoch from frozen_until - clock_timestamp())::float8 * 1000 as ms from chats where telegram_id = ${chat.id}`,
  );
  return row?.ms ?? 0;
}
