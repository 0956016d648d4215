/** Replies that several processes draw in one chat: each a stage of its own, on one database and one Telegram. */
import { sql } from "drizzle-orm";
import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunView } from "../../../src/assistant/work-on-run.ts";
import { systemClock } from "../../../src/bot/clock.ts";
import { createSendBudget } from "../../../src/bot/reply/send-budget.ts";
import { createTelegramStage, type TelegramStage } from "../../../src/bot/reply/stage.ts";
import { noteWindows } from "../../../src/bot/reply/window-notes.ts";
import { HeldCallError } from "../../../src/bot/telegram-answer.ts";
import { receiveMessage } from "../../../src/db/queries/conversations.ts";
import { type ClaimedRun, claimRun, releaseRuns } from "../../../src/db/queries/run-queue.ts";
import { endRun } from "../../../src/db/queries/run-steps.ts";
import { replies, workers } from "../../../src/db/schema/index.ts";
import { takeWorkerLock, type WorkerLock } from "../../../src/db/worker-lock.ts";
import { createLogger } from "../../../src/logger.ts";
import type { StandInChat } from "../../../src/sandbox/telegram/chat.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../../src/sandbox/telegram/stand-in.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { textsOf } from "../bot-support.ts";

const TOKEN = "4242:test-token-of-the-local-stand-in";
const COMPLETED = { status: "completed", errorCode: null, errorMessage: null } as const;

let telegram: TelegramStandIn;
let store: TestDatabase;
let processes: Process[];
let updateId = 0;
beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: TOKEN });
  store = await createTestDatabase();
  processes = [];
});
afterEach(async () => {
  for (const each of processes) await each.end();
  await telegram.close();
  await store.close();
});

interface Process {
  stage: TelegramStage;
  lock: WorkerLock;
  claim(): Promise<ClaimedRun>;
  viewOf(run: ClaimedRun): RunView;
  /** Ends a run that it has claimed, as the worker does. */
  finish(run: ClaimedRun, text: string): Promise<void>;
  freeze(): void;
  wake(): void;
  noteWindows(): Promise<void>;
  end(): Promise<void>;
}

async function startProcess(): Promise<Process> {
  const logger = createLogger({ level: "silent", pretty: false });
  const lock = await takeWorkerLock(store.database, { botId: telegram.bot.id, onLost: () => undefined });
  const api = new Api(TOKEN, { apiRoot: telegram.apiRoot });
  let isFrozen = false;
  api.config.use((call, method, payload, signal) => {
    if (isFrozen) throw new HeldCallError();
    return call(method, payload, signal);
  });
  const budget = createSendBudget();
  const deps = {
    db: store.db,
    botId: telegram.bot.id,
    budget,
    workerId: () => lock.workerId,
    clock: systemClock,
    logger,
  };
  const stage = createTelegramStage({ ...deps, api, toolLabel: (name) => name });
  const views = new Map<string, RunView>();
  const viewOf = ({ id }: ClaimedRun): RunView => {
    const view = views.get(id);
    if (!view) throw new Error("the run was not claimed here");
    return view;
  };
  const started: Process = {
    stage,
    lock,
    viewOf,
    async claim() {
      const run = await claimRun(store.db, { workerId: lock.workerId, botId: telegram.bot.id });
      if (!run) throw new Error("no run can be claimed");
      views.set(run.id, stage.open(run));
      return run;
    },
    async finish(run, text) {
      const now = new Date();
      const end = { outcome: COMPLETED, text, firstTokenAt: now, completedAt: now, finalText: text };
      await endRun(store.db, run, end);
      viewOf(run).emit({ type: "run-end", outcome: COMPLETED, finalText: text });
    },
    freeze() {
      isFrozen = true;
    },
    wake() {
      isFrozen = false;
    },
    noteWindows: () => noteWindows(deps).stop(),
    async end() {
      await stage.stop(0);
      await lock.release();
    },
  };
  processes.push(started);
  return started;
}

function newChat(): StandInChat {
  const person = telegram.person({ first_name: "Linh" });
  const chat = telegram.privateChat(person);
  chat.send("hello");
  return chat;
}

async function ask(chat: StandInChat, text: string): Promise<void> {
  updateId += 1;
  await receiveMessage(store.db, {
    chat: { type: "private", botId: telegram.bot.id, telegramId: chat.id, title: null },
    topicId: null,
    updateId,
    author: { id: null, role: "staff" },
    language: "en",
    text,
    forwarded: false,
    telegramMessageId: updateId,
  });
}

/** Settles when the process has answered in another chat: what it would have sent before that, it has. */
async function answersElsewhere(process: Process): Promise<void> {
  const chat = newChat();
  await ask(chat, "elsewhere?");
  await process.finish(await process.claim(), "Elsewhere.");
  await chat.waitForBotMessage("Elsewhere.");
}

test("an answer waits for the one before it in its chat, which another process is just sending", async () => {
  const chat = newChat();
  const [first, second] = [await startProcess(), await startProcess()];
  const mayArrive = Promise.withResolvers<void>();
  telegram.failNext(({ chatId }) => chatId === chat.id, { kind: "delay", until: mayArrive.promise });
  await ask(chat, "one");
  await first.finish(await first.claim(), "Answer one.");
  await telegram.waitFor(() => telegram.calls().some(({ chatId }) => chatId === chat.id));
  await ask(chat, "two");

  await second.finish(await second.claim(), "Answer two.");
  await answersElsewhere(second);
  mayArrive.resolve();
  await chat.waitForBotMessage("Answer two.");

  expect(textsOf(chat)).toEqual(["Answer one.", "Answer two."]);
});

test("what a dead process left is delivered by another before its own next answer", async () => {
  const chat = newChat();
  const [first, second] = [await startProcess(), await startProcess()];
  first.freeze();
  await ask(chat, "one");
  await first.finish(await first.claim(), "Answer one.");
  await first.end();
  await ask(chat, "two");
  await second.finish(await second.claim(), "Answer two.");
  await answersElsewhere(second);

  await second.stage.deliverWaiting();
  await chat.waitForBotMessage("Answer two.");

  expect(textsOf(chat)).toEqual(["Answer one.", "Answer two."]);
});

test("a process that was frozen makes no call, and its successor's reply stays as it is", async () => {
  const chat = newChat();
  const [frozen, successor] = [await startProcess(), await startProcess()];
  await ask(chat, "one");
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
  frozen.stage.abandonAll();
  frozen.wake();
  await frozen.stage.stop(60_000);

  expect(taken).toMatchObject({ attempt: 2, reply: { telegramMessageIds: [shown.message_id] } });
  expect(textsOf(chat)).toEqual(["The whole answer."]);
});

test("a message that was about to be sent when its process died may stand twice, and is counted", async () => {
  const chat = newChat();
  const [first, second] = [await startProcess(), await startProcess()];
  const never = Promise.withResolvers<void>();
  telegram.failNext(({ chatId }) => chatId === chat.id, { kind: "delay", until: never.promise });
  await ask(chat, "one");
  await first.finish(await first.claim(), "Answer one.");
  await telegram.waitFor(() => telegram.calls().some(({ chatId }) => chatId === chat.id));
  await first.lock.release();

  await second.stage.deliverWaiting();
  await chat.waitForBotMessage("Answer one.");
  never.resolve();
  await telegram.waitFor(() => textsOf(chat).length === 2);

  expect((await store.db.select().from(replies))[0]).toMatchObject({ resentCount: 1 });
});

test("a takeover takes back nothing that was shown: it shows its own text when that is as long, or at its end", async () => {
  const chat = newChat();
  const [first, second] = [await startProcess(), await startProcess()];
  await ask(chat, "one");
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
  await answersElsewhere(second);
  again.emit({ type: "text-delta", delta: " milk is out of stock." });
  await chat.waitForBotMessage("Oat milk is out of stock.");

  const edits = chat.history.flatMap((change) => (change.kind === "message-edit" ? [change.message.text] : []));
  expect(edits).toEqual(["Oat milk is out of stock."]);
});

test("what was sent to a chat, and how long it wants to be left alone, is known to the next process", async () => {
  const chat = newChat();
  const [first, second] = [await startProcess(), await startProcess()];
  telegram.freeze(chat, 3);
  await ask(chat, "one");
  const run = await first.claim();
  const view = first.viewOf(run);
  view.emit({ type: "text-delta", delta: "Half" });
  await telegram.waitFor(() => chat.limitCounts().refused === 1);
  await expect.poll(async () => first.noteWindows().then(() => claimedWindow(chat))).toBeGreaterThan(0);
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
