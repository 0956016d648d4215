/**
 * The steps of a chat with an OpenAI Assistant, done here. `docs/from-the-assistants-api.md` lists each of these tests. All
 * steps share one product; each step has its own person, and so its own thread.
 */
import type { Message } from "@grammyjs/types";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { calls, says, scripted } from "../sandbox/model/script.ts";
import type { InputItem, ModelRequest, Responder, Turn } from "../sandbox/model/turn.ts";
import type { StandInChat } from "../sandbox/telegram/world/chat.ts";
import { listen } from "../src/db/notify/notify.ts";
import { NOW, productsFile, salesFile, sellFrom, stockFrom } from "./db/import/import-support.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { holdLocks, readClock } from "./support/database.ts";

let product: TestApp;
let answer: Responder;
let requestsBefore = 0;
let now = NOW;

beforeAll(async () => {
  product = await startTestApp((request) => answer(request), { now: () => now });
  const { database } = product.test;
  await stockFrom(database, productsFile("OAT,Oat milk,Milk,60000,40000,0,6", "COF,Cà phê sữa,Drinks,29000,,50,10"));
  await sellFrom(database, salesFile("1,2026-11-21T09:00,COF,2,29000,0", "2,2026-11-22T09:00,COF,1,29000,0"));
});

afterAll(() => product.close());

/** From now on the model gives these answers. @returns a function that waits for its nth request from now, from 1. */
function play(...turns: Turn[]): (number: number) => Promise<ModelRequest> {
  requestsBefore = product.model.requests.length;
  const before = requestsBefore;
  answer = scripted(turns);
  return (number) => product.model.waitForRequest(before + number);
}

interface AdminRun {
  id: string;
  status: string;
  completedAt: string | null;
  usage: { outputTokens: number } | null;
  message: { text: string } | null;
  toolCalls: { nodes: AdminToolCall[] };
}

interface AdminToolCall {
  name: string;
  round: number;
  status: string;
  arguments: unknown;
  output: unknown;
}

interface AdminMessage {
  role: string;
  text: string;
  author: { name: string } | null;
  createdAt: string;
  completedAt: string | null;
}

interface AdminThread {
  id: string;
  title: string | null;
  chat: { telegramId: string };
  lastMessage: AdminMessage | null;
  lastQuestion: AdminMessage | null;
  messages: { nodes: AdminMessage[] };
  runs: { nodes: AdminRun[] };
}

const THREAD = `id title chat { telegramId }
  lastMessage { ...message } lastQuestion: lastMessage(role: USER) { ...message }
  messages(first: 10) { nodes { ...message } }
  runs(first: 2) { nodes { id status completedAt usage { outputTokens } message { text }
    toolCalls(first: 10) { nodes { name round status arguments output } } } }`;
const MESSAGE = "fragment message on Message { role text author { name } createdAt completedAt }";

/** The thread of a chat, as an admin reads it. */
async function threadOf(chat: StandInChat): Promise<AdminThread> {
  const { threads } = await product.graphql<{ threads: { nodes: Pick<AdminThread, "id" | "chat">[] } }>(
    "{ threads(first: 100) { nodes { id chat { telegramId } } } }",
  );
  const found = threads.nodes.find(({ chat: { telegramId } }) => telegramId === String(chat.id));
  if (!found) throw new Error("the chat has no thread");
  const query = `query ($id: ID!) { thread(id: $id) { ${THREAD} } } ${MESSAGE}`;
  return (await product.graphql<{ thread: AdminThread }>(query, { id: found.id })).thread;
}

/** The newest run of a chat, once an admin sees it as `fits` expects. It is read again after each change. */
async function runWhere(chat: StandInChat, fits: (run: AdminRun) => boolean): Promise<AdminRun> {
  const { promise, resolve, reject } = Promise.withResolvers<AdminRun>();
  await product.model.waitForRequest(requestsBefore + 1);
  const look = () => {
    threadOf(chat).then(({ runs }) => {
      const [run] = runs.nodes;
      if (run && fits(run)) resolve(run);
    }, reject);
  };
  const listener = await listen(product.test.database, { onNotification: look, onGap: look });
  return promise.finally(() => listener.close());
}

/** A reply with this text and without a stop button: its run has ended and is stored. */
function finished(shown: string) {
  return ({ text, reply_markup: markup }: Message) => text === shown && !markup;
}

const isEnded = ({ completedAt }: AdminRun) => completedAt !== null;

function itemsOf({ body }: ModelRequest): readonly InputItem[] {
  return typeof body.input === "string" ? [] : body.input;
}

test("create a thread and see its id", async () => {
  play(says("Hello."));
  const chat = await product.staff();

  chat.send("Hello there");
  await chat.waitForBotMessage(finished("Hello."));

  const thread = await threadOf(chat);
  const again = await product.graphql<{ thread: { id: string } }>("query ($id: ID!) { thread(id: $id) { id } }", {
    id: thread.id,
  });
  expect(thread).toMatchObject({ title: "Hello there", chat: { telegramId: String(chat.id) } });
  expect(again.thread.id).toBe(thread.id);
});

test("add a user message", async () => {
  const goOn = Promise.withResolvers<void>();
  const request = play(says([goOn.promise, "Hello."]));
  const chat = await product.staff("staff", { first_name: "Linh" });

  chat.send("sữa yến mạch 👩‍👩‍👧\n\nsắp hết chưa?");
  await request(1);

  const { messages } = await threadOf(chat);
  expect(messages.nodes).toMatchObject([
    { role: "USER", text: "sữa yến mạch 👩‍👩‍👧\n\nsắp hết chưa?", author: { name: "Linh" } },
  ]);
  goOn.resolve();
  await chat.waitForBotMessage(finished("Hello."));
});

test("create a streaming run", async () => {
  const goOn = Promise.withResolvers<void>();
  const request = play(says([goOn.promise, "Hello."]));
  const chat = await product.staff();

  chat.send("hello");
  const { body } = await request(1);
  const asked = (await threadOf(chat)).runs.nodes;
  goOn.resolve();
  const ended = await runWhere(chat, isEnded);

  expect(body).toMatchObject({ stream: true, store: false });
  expect(asked.map(({ status }) => status)).toEqual(["IN_PROGRESS"]);
  expect(ended).toMatchObject({ id: asked[0]?.id, status: "COMPLETED" });
});

test("text deltas as they arrive", async () => {
  const [second, third] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  play(says(["Oat", second.promise, " milk", third.promise, " is out."]));
  const chat = await product.staff();

  chat.send("what's running out?");
  const first = await chat.waitForBotMessage("Oat");
  second.resolve();
  const grown = await chat.waitForBotMessage("Oat milk");
  third.resolve();
  const whole = await chat.waitForBotMessage(finished("Oat milk is out."));

  expect([grown.message_id, whole.message_id]).toEqual([first.message_id, first.message_id]);
});

test("collect the full response, equal to the joined deltas to the character", async () => {
  const deltas = [
    "Products",
    " that need to be rest",
    "ocked",
    ":\n\n",
    "- Sữa ",
    "yến mạch 👩‍👩",
    "‍👧 ",
    "\t",
    "مرحبا",
    "  ",
  ];
  play(says(deltas));
  const chat = await product.staff();

  chat.send("what's running out?");
  const { message } = await runWhere(chat, isEnded);

  expect(message?.text).toBe(deltas.join(""));
});

test("store the Assistant's message", async () => {
  play(says("**Oat milk** is out."));
  const chat = await product.staff();

  chat.send("what's running out?");
  await runWhere(chat, isEnded);

  const { messages } = await threadOf(chat);
  expect(messages.nodes).toMatchObject([
    { role: "USER", text: "what's running out?" },
    { role: "ASSISTANT", text: "**Oat milk** is out.", author: null },
  ]);
});

const bothTools = [
  { name: "CheckOutOfStock", callId: "call_stock" },
  { name: "CheckDailyRevenue", arguments: { date: "2026-11-21" }, callId: "call_revenue" },
];

test("requires_action with several calls in one round", async () => {
  play(calls(...bothTools), says("All is well."));
  const chat = await product.staff("owner");
  // While the tables are locked, both tools wait.
  const release = await holdLocks(product.test.db, (tx) =>
    tx.execute(sql`lock table products, sales in access exclusive mode`),
  );
  chat.send("stock and yesterday, please");

  const acting = await runWhere(
    chat,
    ({ toolCalls: { nodes } }) => nodes.filter((call) => call.status === "RUNNING").length === 2,
  );
  await release();
  const ended = await runWhere(chat, isEnded);

  expect(acting).toMatchObject({ status: "REQUIRES_ACTION", completedAt: null });
  expect(acting.toolCalls.nodes.map(({ name, round }) => [name, round])).toEqual([
    ["CheckOutOfStock", 1],
    ["CheckDailyRevenue", 1],
  ]);
  expect(ended).toMatchObject({ id: acting.id, status: "COMPLETED" });
});

test("arguments parsed, the right function run", async () => {
  play(calls(...bothTools), says("All is well."));
  const chat = await product.staff("owner");

  chat.send("stock and yesterday, please");
  const { toolCalls } = await runWhere(chat, isEnded);

  expect(toolCalls.nodes).toMatchObject([
    { name: "CheckOutOfStock", arguments: {}, status: "SUCCEEDED", output: { out_of_stock: [{ name: "Oat milk" }] } },
    {
      name: "CheckDailyRevenue",
      arguments: { date: "2026-11-21" },
      status: "SUCCEEDED",
      output: { date: "2026-11-21", net_revenue: 58_000, currency: "VND" },
    },
  ]);
});

test("outputs submitted by call id", async () => {
  const request = play(calls(...bothTools), says("All is well."));
  const chat = await product.staff("owner");

  chat.send("stock and yesterday, please");
  const items = itemsOf(await request(2));
  const { toolCalls } = await runWhere(chat, isEnded);

  const outputs = items.filter((item) => item.type === "function_call_output");
  expect(outputs.map((item) => [item.call_id, JSON.parse(String(item.output))])).toEqual([
    ["call_stock", toolCalls.nodes[0]?.output],
    ["call_revenue", toolCalls.nodes[1]?.output],
  ]);
});

test("the run continues streaming", async () => {
  const goOn = Promise.withResolvers<void>();
  play(calls(...bothTools), says(["Oat milk", goOn.promise, " is out."]));
  const chat = await product.staff("owner");

  chat.send("stock and yesterday, please");
  await chat.waitForBotMessage("Oat milk");
  const streaming = (await threadOf(chat)).runs.nodes;
  goOn.resolve();
  await chat.waitForBotMessage(finished("Oat milk is out."));
  const ended = await runWhere(chat, isEnded);

  expect(streaming.map(({ status }) => status)).toEqual(["IN_PROGRESS"]);
  expect(ended).toMatchObject({ id: streaming[0]?.id, status: "COMPLETED" });
});

test("message completed with its time", async () => {
  play(says("Hello."));
  const chat = await product.staff();
  const before = await readClock(product.test.db);

  chat.send("hello");
  const run = await runWhere(chat, isEnded);

  const { lastMessage } = await threadOf(chat);
  expect(lastMessage).toMatchObject({ role: "ASSISTANT", completedAt: run.completedAt });
  expect(Date.parse(String(run.completedAt))).toBeGreaterThanOrEqual(before);
  expect(Date.parse(String(run.completedAt))).toBeLessThanOrEqual(await readClock(product.test.db));
});

test("latest message of a thread", async () => {
  play(says("One."), says("Two."));
  const chat = await product.staff();

  chat.send("first");
  await chat.waitForBotMessage(finished("One."));
  chat.send("second");
  await chat.waitForBotMessage(finished("Two."));

  const { lastMessage, lastQuestion } = await threadOf(chat);
  expect([lastMessage?.text, lastQuestion?.text]).toEqual(["Two.", "second"]);
});

test("history", async () => {
  const request = play(calls(...bothTools), says("Oat milk is out."), says("Yes, order it."));
  const chat = await product.staff("owner");

  chat.send("what's running out?");
  await chat.waitForBotMessage(finished("Oat milk is out."));
  chat.send("should I order it?");
  await chat.waitForBotMessage(finished("Yes, order it."));

  const said = ["what's running out?", "Oat milk is out.", "should I order it?", "Yes, order it."];
  const { messages } = await threadOf(chat);
  expect(messages.nodes.map(({ text }) => text)).toEqual(said);
  expect(itemsOf(await request(3)).map(({ content }) => content)).toEqual(said.slice(0, 3));
});

test("continue ten minutes later, also after a restart, in the same thread", async () => {
  const request = play(says("Oat milk is out."), says("Six packs."));
  const chat = await product.staff();
  chat.send("what's running out?");
  await chat.waitForBotMessage(finished("Oat milk is out."));
  const before = await threadOf(chat);

  now = new Date(now.getTime() + 10 * 60_000);
  await product.restart();
  chat.send("how many should I order?");
  await chat.waitForBotMessage(finished("Six packs."));

  const after = await threadOf(chat);
  expect(after.id).toBe(before.id);
  expect(after.messages.nodes.map(({ text }) => text)).toEqual([
    "what's running out?",
    "Oat milk is out.",
    "how many should I order?",
    "Six packs.",
  ]);
  expect(itemsOf(await request(2))[1]).toEqual({ role: "assistant", content: "Oat milk is out." });
});
