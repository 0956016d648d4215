import { sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { calls, says, scripted } from "../../../src/sandbox/model/script.ts";
import type { Responder } from "../../../src/sandbox/model/turn.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";

let running: TestApp | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(answer: Responder) {
  running = await startTestApp(answer);
  const chat = await running.staff();
  return { app: running, telegram: running.telegram, chat };
}

interface DeliveredRun {
  status: string;
  message: { text: string } | null;
  delivery: { status: string; telegramMessageIds: string[]; error: string | null };
}

/** The newest run as an admin sees it. */
async function newestRun(app: TestApp): Promise<DeliveredRun | undefined> {
  const query = "{ runs(first: 1) { nodes { status message { text } delivery { status telegramMessageIds error } } } }";
  const { runs } = await app.graphql<{ runs: { nodes: DeliveredRun[] } }>(query);
  return runs.nodes[0];
}

/** Waits until the newest run's delivery has this state, looking again whenever Telegram was called. */
async function delivered(app: TestApp, status = "DELIVERED"): Promise<DeliveredRun> {
  await expect.poll(() => newestRun(app), { timeout: 15_000, interval: 20 }).toMatchObject({ delivery: { status } });
  const run = await newestRun(app);
  if (!run) throw new Error("the run was there a moment ago");
  return run;
}

test("text shows while the model is still writing, with the stop button beneath it until the end", async () => {
  const rest = Promise.withResolvers<void>();
  const { chat } = await start(scripted([says(["Two products", rest.promise, " are low."])]));

  chat.send("what's low?");
  const first = await chat.waitForBotMessage("Two products");
  rest.resolve();
  const last = await chat.waitForBotMessage("Two products are low.");
  const final = await chat.waitForBotMessage(
    (message) => message.text === "Two products are low." && !message.reply_markup,
  );

  expect(first.reply_markup?.inline_keyboard[0]?.[0]).toMatchObject({ text: "⏹ Stop" });
  expect(last.message_id).toBe(first.message_id);
  expect(final.message_id).toBe(first.message_id);
});

test("a 429 on the last edit loses nothing, and nothing is called inside its window", async () => {
  const rest = Promise.withResolvers<void>();
  const { app, telegram, chat } = await start(scripted([says(["The start", rest.promise, " and the end."])]));
  chat.send("tell me");
  await chat.waitForBotMessage("The start");

  telegram.failNext("editMessageText", { kind: "too-many-requests", retryAfterSeconds: 1 });
  rest.resolve();
  await chat.waitForBotMessage("The start and the end.");
  await delivered(app);

  expect(chat.botMessages()).toHaveLength(1);
  expect(telegram.limitCounts().insideWindow).toBe(0);
});

test("a reply longer than one message goes on in the next, and a finished page is never edited again", async () => {
  const paragraphs = Array.from({ length: 24 }, (_, index) => `Paragraph ${index} ${"with words ".repeat(36)}end.`);
  const { app, chat } = await start(scripted([says(paragraphs.join("\n\n"))]));

  chat.send("explain the month");
  await chat.waitForBotMessage(/Paragraph 23/);
  const run = await delivered(app);

  const shown = chat.botMessages().map((message) => message.text ?? "");
  expect(shown.length).toBe(3);
  expect(shown.join("\n\n")).toBe(paragraphs.join("\n\n"));
  expect(run.delivery.telegramMessageIds).toEqual(chat.botMessages().map(({ message_id }) => String(message_id)));
  for (const [index, { message_id }] of chat.botMessages().slice(0, -1).entries()) {
    const isNext = chat.history.findIndex(
      (change) =>
        change.kind === "message-new" && change.message.message_id === chat.botMessages()[index + 1]?.message_id,
    );
    const editsAfter = chat.history
      .slice(isNext)
      .filter((change) => change.kind === "message-edit" && change.message.message_id === message_id);
    expect(editsAfter).toEqual([]);
  }
});

test("when Telegram's answer to a send is lost, the reply ends complete, with one message doubled at most", async () => {
  const { app, telegram, chat } = await start(scripted([says("All is well.")]));
  telegram.failNext("sendMessage", { kind: "drop-after" });

  chat.send("and now?");
  await delivered(app);

  const texts = chat.botMessages().map(({ text }) => text);
  expect(texts.length).toBeLessThanOrEqual(2);
  expect(texts.at(-1)).toBe("All is well.");
});

test("a 502 page of a proxy and a refused connection only delay the reply", async () => {
  const { app, telegram, chat } = await start(scripted([says("All is well.")]));
  telegram.failNext("sendMessage", { kind: "http", status: 502, body: "<html>Bad Gateway</html>" });
  telegram.failNext("sendMessage", { kind: "drop-before" });

  chat.send("and now?");
  await delivered(app);

  expect(chat.botMessages().map(({ text }) => text)).toEqual(["All is well."]);
});

test("a person who blocked the bot: the run is stored in full, and the delivery says why it failed", async () => {
  const rest = Promise.withResolvers<void>();
  const { app, chat } = await start(scripted([says(["The start", rest.promise, " and the end."])]));
  chat.send("tell me");
  await chat.waitForBotMessage("The start");

  chat.block();
  rest.resolve();
  await expect.poll(async () => (await newestRun(app))?.status).toBe("COMPLETED");
  const run = await delivered(app, "FAILED");

  expect(run.message?.text).toBe("The start and the end.");
  expect(run.delivery.error).toContain("blocked");
});

test("a message that the person deleted is left alone", async () => {
  const rest = Promise.withResolvers<void>();
  const { app, telegram, chat } = await start(scripted([says(["The start", rest.promise, " and the end."])]));
  chat.send("tell me");
  const message = await chat.waitForBotMessage("The start");

  chat.deleteMessage(message);
  rest.resolve();
  const run = await delivered(app);

  expect(run.message?.text).toBe("The start and the end.");
  expect(telegram.calls().filter(({ method }) => method === "editMessageText").length).toBeLessThanOrEqual(1);
});

test("formatting that Telegram refuses does not cost the words", async () => {
  const { app, telegram, chat } = await start(scripted([says("**Two** are low.")]));
  const body = JSON.stringify({ ok: false, error_code: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" });
  telegram.failNext("sendMessage", { kind: "http", status: 400, body });

  chat.send("what's low?");
  await delivered(app);

  expect(chat.botMessages().map(({ text, entities }) => [text, entities])).toEqual([["Two are low.", undefined]]);
});

test("a tool that takes long shows a line, which is gone without a trace when text comes", async () => {
  const { app, chat } = await start(scripted([calls({ name: "CheckOutOfStock" }), says("Nothing is low.")]));
  const release = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = app.test.db.transaction(async (tx) => {
    await tx.execute(sql`lock table products in access exclusive mode`);
    locked.resolve();
    await release.promise;
  });
  await locked.promise;

  chat.send("what's low?");
  const status = await chat.waitForBotMessage("Checking stock…");
  release.resolve();
  await holding;
  await delivered(app);

  expect(status.entities).toEqual([{ type: "italic", offset: 0, length: 15 }]);
  expect(chat.botMessages().map(({ text }) => text)).toEqual(["Nothing is low."]);
});

test("typing shows while there is nothing to show yet", async () => {
  const thought = Promise.withResolvers<void>();
  const { app, telegram, chat } = await start(scripted([says([thought.promise, "Here it is."])]));

  chat.send("think");
  await telegram.waitFor(() => chat.shownAction()?.name === "typing");
  thought.resolve();
  await delivered(app);

  expect(chat.botMessages().map(({ text }) => text)).toEqual(["Here it is."]);
});

test("what a stopped process has not delivered, the next one delivers into the same message", async () => {
  const rest = Promise.withResolvers<void>();
  const { app, telegram, chat } = await start(scripted([says(["The start", rest.promise, " and the end."])]));
  chat.send("tell me");
  const first = await chat.waitForBotMessage("The start");
  let isAway = true;
  const isEdit = ({ method }: { method: string }) => isAway && method === "editMessageText";
  telegram.failNext(isEdit, { kind: "http", status: 500, body: "{}" }, 1_000);
  rest.resolve();
  await expect.poll(async () => (await newestRun(app))?.status).toBe("COMPLETED");

  await app.stop();
  isAway = false;
  await app.restart();
  await delivered(app);

  expect(chat.botMessages().map(({ message_id, text }) => [message_id, text])).toEqual([
    [first.message_id, "The start and the end."],
  ]);
});

test("a group that becomes a supergroup in the middle of a reply gets the whole reply in its new chat", async () => {
  const rest = Promise.withResolvers<void>();
  running = await startTestApp(scripted([says(["The start", rest.promise, " and the end."])]));
  const { telegram, test: database } = running;
  const person = (await running.staff()).chat;
  const group = telegram.group({
    title: "Counter",
    members: [{ id: person.id, is_bot: false, first_name: "Lan" }],
    type: "group",
  });
  group.send(`@${telegram.bot.username} tell us`);
  await group.waitForBotMessage("The start");

  const supergroup = group.migrate();
  rest.resolve();
  await supergroup.waitForBotMessage("The start and the end.");
  await delivered(running);

  const chats = await database.database.sql`select telegram_id::text as id, type from chats where type <> 'private'`;
  expect([...chats]).toEqual([{ id: String(supergroup.id), type: "supergroup" }]);
});
