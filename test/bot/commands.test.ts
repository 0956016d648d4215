import { desc } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { says, scripted } from "../../sandbox/model/script.ts";
import type { Responder, TextPiece } from "../../sandbox/model/turn.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { threads } from "../../src/db/schema/index.ts";
import { BOT_TOKEN, startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, buttonsOf, conversationOf, questionOf, repeats, staffPerson, textsOf } from "./bot-support.ts";

const texts = textsIn("en");
let app: TestApp;
afterEach(() => app.close());

test("/start says who it is and its three abilities, and its two buttons ask the model", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff("staff", { first_name: "Linh" });

  chat.send("/start");
  const greeting = await chat.waitForBotMessage(/^Hello Linh, I'm the assistant behind the counter at Xi Pho Coffee/);
  const buttons = chat
    .replyKeyboard()
    ?.keyboard.flat()
    .map((button) => (typeof button === "string" ? button : button.text));
  for (const button of buttons ?? []) {
    chat.send(button);
    await chat.waitForBotMessage(`Answer: ${button}`);
  }

  expect(greeting.text).toMatch(/Inventory: .*running out .*restocked/);
  expect(greeting.text).toMatch(/Finance: .*revenue and profit/i);
  expect(greeting.text).toMatch(/Operations: .*advice/);
  expect(buttons).toEqual([texts.buttons.stock, texts.buttons.yesterday]);
  expect(app.model.requests.map(questionOf)).toEqual(buttons);
});

test("/start in a group shows no keyboard", async () => {
  app = await startTestApp(repeats);
  const linh = await staffPerson(app, "staff", { first_name: "Linh" });
  const group = app.telegram.group({ title: "Shop", members: [linh] });

  group.send("/start");
  const greeting = await group.waitForBotMessage(/^Hello Linh/);

  expect(greeting.reply_markup).toBeUndefined();
  expect(group.replyKeyboard()).toBeUndefined();
});

test("/help tells owners of their commands, and only them", async () => {
  app = await startTestApp(scripted([]));
  const [owner, manager] = [await app.staff("owner"), await app.staff("manager")];

  owner.send("/help");
  manager.send("/help");

  await owner.waitForBotMessage(texts.help + texts.ownerHelp);
  await manager.waitForBotMessage(texts.help);
  expect(textsOf(manager)).toEqual([texts.help]);
});

test("/new starts a thread without the history of the last one", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff();
  await ask(chat, "one");
  await ask(chat, "two");

  chat.send("/new");
  await chat.waitForBotMessage(texts.newThread);
  chat.send("/new");
  await chat.waitForBotMessage(texts.alreadyNew);
  await ask(chat, "three");

  expect(app.model.requests.map(conversationOf)).toEqual([["one"], ["one", "Answer: one", "two"], ["three"]]);
  expect(await threadList()).toEqual([
    { title: "three", status: "OPEN" },
    { title: "one", status: "CLOSED" },
  ]);
});

test("/new cancels the current run, and the next message is answered in the new thread", async () => {
  const held = Promise.withResolvers<void>();
  app = await startTestApp(holding("long", held.promise));
  const chat = await app.staff();

  chat.send("long");
  await chat.waitForBotMessage(/^The first words/);
  chat.send("/new");
  await chat.waitForBotMessage("The first words\n\nStopped.");
  await ask(chat, "next");
  await app.model.requests[0]?.whenAborted;

  expect(await runs()).toEqual(["COMPLETED", "CANCELLED"]);
  expect(app.model.requests.map(conversationOf)).toEqual([["long"], ["next"]]);
});

test("/stop ends the answer while it streams, aborts the model and keeps the text so far", async () => {
  app = await startTestApp(holding("long", new Promise(() => {})));
  const chat = await app.staff();

  chat.send("long");
  await chat.waitForBotMessage(/^The first words/);
  chat.send("/stop");
  const stopped = await chat.waitForBotMessage("The first words\n\nStopped.");
  await app.model.requests[0]?.whenAborted;
  await ask(chat, "next");

  expect(stopped.entities).toContainEqual(expect.objectContaining({ type: "italic" }));
  expect(textsOf(chat)).toEqual(["The first words\n\nStopped.", "Answer: next"]);
  expect(chat.botMessages().map(buttonsOf)).toEqual([[], []]);
  expect(await runs()).toEqual(["COMPLETED", "CANCELLED"]);
});

test("/stop in a private chat also cancels the queued question, and the model never gets it", async () => {
  app = await startTestApp(holding("long", new Promise(() => {})));
  const chat = await app.staff();

  chat.send("long");
  await chat.waitForBotMessage(/^The first words/);
  chat.send("waiting");
  await allHandled(app);
  chat.send("/stop");
  await chat.waitForBotMessage("The first words\n\nStopped.");
  await chat.waitForBotMessage("Stopped.");

  expect(await runs()).toEqual(["CANCELLED", "CANCELLED"]);
  expect(app.model.requests.map(questionOf)).toEqual(["long"]);
});

test("/stop says when there is nothing to stop", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff();

  chat.send("/stop");
  await chat.waitForBotMessage(texts.nothingToStop);
  await ask(chat, "one");
  const late = chat.send("/stop");
  await chat.waitForBotMessage(texts.nothingToStop, { after: late });

  expect(await runs()).toEqual(["COMPLETED"]);
});

test("/stop reaches an answer in a thread that is no longer open", async () => {
  app = await startTestApp(holding("long", new Promise(() => {})));
  const chat = await app.staff();
  await ask(chat, "one");
  chat.send("/new");
  await chat.waitForBotMessage(texts.newThread);
  chat.send("long");
  await chat.waitForBotMessage(/^The first words/);
  chat.send("/threads");
  const offer = await chat.waitForBotMessage(texts.pickThread);
  chat.press(offer, "one");
  await chat.waitForBotMessage(texts.resumed("one"));

  chat.send("/stop");

  await chat.waitForBotMessage("The first words\n\nStopped.");
});

test("in a group /stop ends only the asker's own answer, and a manager's ends any", async () => {
  app = await startTestApp(holding("@counterhand_sandbox_bot long", new Promise(() => {})));
  const asker = await staffPerson(app, "staff", { first_name: "An" });
  const other = await staffPerson(app, "staff", { first_name: "Binh" });
  const manager = await staffPerson(app, "manager", { first_name: "Chi" });
  const group = app.telegram.group({ title: "Shop", members: [asker, other, manager] });

  group.send("@counterhand_sandbox_bot long");
  const streaming = await group.waitForBotMessage(/^The first words/);
  group.send("/stop", { from: other });
  await group.waitForBotMessage(texts.nothingToStop);
  group.press(streaming, texts.buttons.stop, other);
  await waitForCallbackAnswer(group, texts.onlyOwnStop);
  group.send("/stop", { from: manager });
  await group.waitForBotMessage("The first words\n\nStopped.");
  const own = group.send("@counterhand_sandbox_bot long");
  await group.waitForBotMessage(/^The first words/, { after: own });
  group.send("/stop", { from: asker });
  await group.waitForBotMessage("The first words\n\nStopped.", { after: own });

  expect(await runs()).toEqual(["CANCELLED", "CANCELLED"]);
});

test("in a group /new does not stop another person's answer, except from a manager", async () => {
  app = await startTestApp(holding("@counterhand_sandbox_bot long", new Promise(() => {})));
  const asker = await staffPerson(app, "staff", { first_name: "An" });
  const other = await staffPerson(app, "staff", { first_name: "Binh" });
  const manager = await staffPerson(app, "manager", { first_name: "Chi" });
  const group = app.telegram.group({ title: "Shop", members: [asker, other, manager] });

  group.send("@counterhand_sandbox_bot long");
  await group.waitForBotMessage(/^The first words/);
  group.send("/new", { from: other });
  await group.waitForBotMessage(texts.newThread);
  const before = await runs();
  const again = group.send("@counterhand_sandbox_bot long");
  group.send("/stop", { from: manager });
  await group.waitForBotMessage("The first words\n\nStopped.");
  await group.waitForBotMessage(/Stopped/, { after: again });

  expect(before).toEqual(["IN_PROGRESS"]);
});

test("the stop button below an answer stops it and says so", async () => {
  app = await startTestApp(holding("long", new Promise(() => {})));
  const chat = await app.staff();

  chat.send("long");
  const streaming = await chat.waitForBotMessage(/^The first words/);
  chat.press(streaming, texts.buttons.stop);
  await waitForCallbackAnswer(chat, texts.stopping);
  await chat.waitForBotMessage("The first words\n\nStopped.");

  expect(await runs()).toEqual(["CANCELLED"]);
});

test("a stop button pressed when the answer is complete says that there is nothing to stop", async () => {
  app = await startTestApp(repeats);
  const [asker, other] = [await app.staff(), await app.staff()];
  await ask(asker, "one");
  const [runId] = await app
    .graphql<{ runs: { nodes: { id: string }[] } }>("{ runs(first: 1) { nodes { id } } }")
    .then(({ runs: { nodes } }) => nodes.map(({ id }) => id));

  const made = ["stop:no-run", `stop:${runId}`, "stop:01a205df-a840-74dc-aaee-a99d5311ce5b"];

  const shown = await showButtons(other, made);
  for (const data of made) other.press(shown, data);

  await app.telegram.waitFor(() => callbackAnswers(other).length === 3);
  expect(callbackAnswers(other)).toEqual([texts.nothingToStop, texts.nothingToStop, texts.nothingToStop]);
});

test("/threads lists the threads of the chat by title, and resuming one gives the model its history", async () => {
  app = await startTestApp(repeats);
  const [chat, other] = [await app.staff(), await app.staff()];
  chat.send("/threads");
  await chat.waitForBotMessage(texts.noThreads);
  await ask(other, "not yours");
  await ask(chat, "stock of beans");
  chat.send("/new");
  await chat.waitForBotMessage(texts.newThread);
  await ask(chat, "revenue");

  chat.send("/threads");
  const offer = await chat.waitForBotMessage(texts.pickThread);
  chat.press(offer, "stock of beans");
  await chat.waitForBotMessage(texts.resumed("stock of beans"));
  await ask(chat, "and milk?");

  expect(buttonsOf(offer)).toEqual(["● revenue", "stock of beans"]);
  expect(app.model.requests.map(conversationOf).at(-1)).toEqual([
    "stock of beans",
    "Answer: stock of beans",
    "and milk?",
  ]);
});

test("a forged button does not open a thread of another chat or an unknown one", async () => {
  app = await startTestApp(repeats);
  const [chat, other] = [await app.staff(), await app.staff("owner")];
  await ask(other, "what the owner asked");
  const [theirs] = await app.test.db.select({ id: threads.id }).from(threads).orderBy(desc(threads.createdAt)).limit(1);
  const made = [theirs?.id, "01a205df-a840-74dc-aaee-a99d5311ce5b", "' or 1=1"].map((id) => `thread:${id}`);

  const shown = await showButtons(chat, made);
  await ask(chat, "mine");
  let last = shown;
  for (const data of made) {
    chat.press(shown, data);
    last = await chat.waitForBotMessage(texts.threadGone, { after: last });
  }
  await ask(chat, "more");

  expect(app.model.requests.map(conversationOf).at(-1)).toEqual(["mine", "Answer: mine", "more"]);
});

test("the menu shows the commands in English, and in Vietnamese to people with a Vietnamese Telegram", async () => {
  app = await startTestApp(scripted([]));
  const an = app.telegram.person({ first_name: "An", language_code: "vi" });
  const [ben, carla] = [
    app.telegram.person({ first_name: "Ben", language_code: "en" }),
    app.telegram.person({ first_name: "Carla", language_code: "es" }),
  ];
  await app.telegram.waitFor(() => app.telegram.commandsFor(an)[0]?.description === textsIn("vi").commands.start);

  const inEnglish = Object.entries(texts.commands).map(([command, description]) => ({ command, description }));

  expect(inEnglish.map(({ command }) => command)).toEqual(["start", "new", "stop", "threads", "help"]);
  expect(app.telegram.commandsFor(ben)).toEqual(inEnglish);
  expect(app.telegram.commandsFor(carla)).toEqual(inEnglish);
  expect(app.telegram.commandsFor(an).map(({ command }) => command)).toEqual(inEnglish.map(({ command }) => command));
});

test("an unknown command gets a hint to /help and is not a question", async () => {
  app = await startTestApp(scripted([]));
  const chat = await app.staff();

  chat.send("/stock today");
  await chat.waitForBotMessage(texts.unknownCommand);

  expect(await runs()).toEqual([]);
});

test("an unknown button is answered too, so that it does not stay busy for ever", async () => {
  app = await startTestApp(scripted([]));
  const chat = await app.staff();
  const stranger = app.telegram.privateChat(app.telegram.person({ first_name: "Tourist" }));
  stranger.send("hello");
  await stranger.waitForBotMessage(texts.stranger);

  chat.press(await showButtons(chat, ["unheard:of"]), "unheard:of");
  stranger.press(await showButtons(stranger, ["stop:1"]), "stop:1");

  await app.telegram.waitFor(() => callbackAnswers(chat).length === 1 && callbackAnswers(stranger).length === 1);
});

async function ask(chat: StandInChat, question: string): Promise<void> {
  const asked = chat.send(question);
  await chat.waitForBotMessage(`Answer: ${question}`, { after: asked });
  await app.telegram.waitFor(() => chat.botMessages().every((message) => !buttonsOf(message).includes("⏹ Stop")));
}

/** Answers `question` with a few words and then nothing until `release`; repeats any other. */
function holding(question: string, release: Promise<unknown>): Responder {
  const pieces: TextPiece[] = ["The first words", release, " and the last"];
  return (request) => (questionOf(request) === question ? says(pieces) : repeats(request));
}

/** Shows forged buttons, as a modified Telegram client can press them. */
async function showButtons(chat: StandInChat, made: string[]) {
  if (chat.messages().length === 0) chat.send("/start");
  const reply_markup = { inline_keyboard: made.map((data) => [{ text: "a button", callback_data: data }]) };
  const response = await fetch(`${app.telegram.apiRoot}/bot${BOT_TOKEN}/sendMessage`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ chat_id: chat.id, text: "press", reply_markup }),
  });
  const { result, description } = (await response.json()) as { result?: { message_id: number }; description?: string };
  const shown = chat.botMessages().find(({ message_id }) => message_id === result?.message_id);
  if (!shown) throw new Error(`the buttons were not shown: ${description}`);
  return shown;
}

function callbackAnswers(chat: StandInChat): (string | undefined)[] {
  return chat.history.flatMap((change) => (change.kind === "callback-answer" ? [change.text] : []));
}

function waitForCallbackAnswer(chat: StandInChat, text: string): Promise<boolean> {
  return app.telegram.waitFor(() => callbackAnswers(chat).includes(text));
}

async function threadList() {
  type Answer = { threads: { nodes: { title: string; status: string }[] } };
  return (await app.graphql<Answer>("{ threads(first: 10) { nodes { title status } } }")).threads.nodes;
}

/** The states of all runs, newest first. */
async function runs(): Promise<string[]> {
  type Answer = { runs: { nodes: { status: string }[] } };
  return (await app.graphql<Answer>("{ runs(first: 10) { nodes { status } } }")).runs.nodes.map(({ status }) => status);
}
