/** Questions that arrive in several messages: a paste that the client cut, and the captions of an album. */
import { asc } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { fails, says, scripted } from "../../sandbox/model/script.ts";
import type { ModelRequest, Responder } from "../../sandbox/model/turn.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { messages, runs } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, buttonsOf, conversationOf, questionOf, repeats, staffPerson, textsOf } from "./bot-support.ts";
import { ended } from "./reply/reply-support.ts";

const texts = textsIn("en");
const IGNORED = `\n\n${texts.attachmentIgnored}`;
const BOT = "@counterhand_sandbox_bot";
let app: TestApp;
afterEach(() => app.close());

async function groupOf() {
  const person = await staffPerson(app, "staff", { first_name: "An" });
  return { person, group: app.telegram.group({ title: "Shop", members: [person], isBotAdministrator: true }) };
}

/** Answers with the question, without what the bot tells the model of it. */
const repeatsWords: Responder = (request) => says(`Answer: ${wordsOf(request)}`);
const wordsOf = (request: ModelRequest) => questionOf(request).split("\n\n").at(-1) ?? "";

/** Answers with the length of the question. */
const counts: Responder = (request) => says(String(questionOf(request).length).padStart(4, "0"));

const stored = () => app.test.db.select().from(messages).orderBy(asc(messages.position));
const storedRuns = () => app.test.db.select().from(runs).orderBy(asc(runs.position));

test("an album with a text gets one answer, whichever picture has the text", async () => {
  app = await startTestApp(repeatsWords);
  const chat = await app.staff();
  const extra = { media_group_id: "album-1" };

  chat.sendPhoto({ extra });
  chat.sendPhoto({ caption: "are these in stock?", extra });
  chat.sendPhoto({ extra });
  chat.sendPhoto({ extra });
  await chat.waitForBotMessage(`Answer: are these in stock?${IGNORED}`);
  // An album that comes later has its sentence later, so the first one has none.
  chat.sendPhoto({ extra: { media_group_id: "album-2" } });
  chat.sendPhoto({ extra: { media_group_id: "album-2" } });
  await chat.waitForBotMessage(texts.unsupported);
  chat.send("done");
  await chat.waitForBotMessage("Answer: done");

  expect(textsOf(chat)).toEqual([`Answer: are these in stock?${IGNORED}`, texts.unsupported, "Answer: done"]);
});

test("a paste that the client cut is one question: the messages stay as they came, and one run answers them", async () => {
  app = await startTestApp(scripted([says("Long."), says("Next.")]));
  const chat = await app.staff();
  const parts = ["a".repeat(4_096), "b".repeat(4_096), "c and the end"];

  for (const part of parts) chat.send(part);
  await chat.waitForBotMessage("Long.");
  chat.send("and now?");
  await chat.waitForBotMessage(ended("Next."));

  expect(app.model.requests.map(conversationOf)).toEqual([[parts.join("")], [parts.join(""), "Long.", "and now?"]]);
  const said = (await stored()).filter(({ role }) => role === "user");
  expect(said.map(({ text }) => text)).toEqual([...parts, "and now?"]);
  expect(await app.graphql("{ runs { nodes { question { text } message { text } } } }")).toEqual({
    runs: {
      nodes: [
        { question: { text: "and now?" }, message: { text: "Next." } },
        { question: { text: parts[0] }, message: { text: "Long." } },
      ],
    },
  });
  expect(await storedRuns()).toHaveLength(2);
});

test("a part that was cut at the end of a word is joined by a line break", async () => {
  app = await startTestApp(scripted([says("Long.")]));
  const chat = await app.staff();

  chat.send("a".repeat(3_950));
  chat.send("the rest");
  await chat.waitForBotMessage("Long.");

  expect(app.model.requests.map(questionOf)).toEqual([`${"a".repeat(3_950)}\nthe rest`]);
});

test("a long message alone is answered, and only the next message of its author in its place belongs to it", async () => {
  app = await startTestApp(counts);
  const { group, person } = await groupOf();
  const other = await staffPerson(app, "staff", { first_name: "Binh" });
  const mention = "@counterhand_sandbox_bot ";
  const long = (from: typeof person) => group.send(mention + "a".repeat(3_900), { from });

  long(person);
  group.send(`${mention}what is out?`, { from: other });
  await group.waitForBotMessage(String(mention.length + 3_900));
  await group.waitForBotMessage(String(`${mention}what is out?`.length).padStart(4, "0"));

  expect(await storedRuns()).toHaveLength(2);
});

test("short messages do not wait for each other", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff();

  chat.send("one");
  chat.send("two");
  await chat.waitForBotMessage("Answer: two");

  expect((await storedRuns()).map(({ waitsUntil }) => waitsUntil)).toEqual([null, null]);
  expect(textsOf(chat)).toEqual(["Answer: one", "Answer: two"]);
});

test("an album whose pictures have texts of their own is one question", async () => {
  app = await startTestApp(repeatsWords);
  const chat = await app.staff();
  const extra = { media_group_id: "album-1" };

  chat.sendPhoto({ extra });
  chat.sendPhoto({ caption: "how many of these?", extra });
  chat.sendPhoto({ caption: "and of these?", extra });
  await chat.waitForBotMessage(`Answer: how many of these?\nand of these?${IGNORED}`);
  chat.sendPhoto({ caption: "one more", extra: { media_group_id: "album-2" } });
  chat.sendPhoto({ caption: "another album", extra: { media_group_id: "album-3" } });
  await chat.waitForBotMessage(`Answer: another album${IGNORED}`);

  expect(textsOf(chat).slice(1)).toEqual([`Answer: one more${IGNORED}`, `Answer: another album${IGNORED}`]);
});

test("in a group, the rest of a paste and the other texts of an album need not address the bot again", async () => {
  app = await startTestApp(counts);
  const { group, person } = await groupOf();
  const other = await staffPerson(app, "staff", { first_name: "Binh" });
  const stranger = app.telegram.person({ first_name: "Guest" });
  const mentioned = `${BOT} ${"a".repeat(4_000)}`;
  const first = `${mentioned}${"b".repeat(4_096 - mentioned.length)}`;

  group.send(first, { from: person });
  group.send("not for the bot", { from: other });
  group.send("nor is this", { from: stranger });
  group.send("the rest", { from: person });
  await group.waitForBotMessage("4104");
  group.send("said to the others", { from: person });
  group.sendPhoto({ caption: `${BOT} this?`, from: person, extra: { media_group_id: "album" } });
  group.sendPhoto({ caption: "or this?", from: person, extra: { media_group_id: "album" } });
  await group.waitForBotMessage(new RegExp(`${IGNORED}$`));
  await allHandled(app);

  const said = (await stored()).filter(({ role }) => role === "user").map(({ text }) => text);
  expect(said).toEqual([first, "the rest", `${BOT} this?`, "or this?"]);
  expect(await storedRuns()).toHaveLength(2);
});

test("in a group, what is not said to the bot has no answer, whatever it is, also while a paste may go on", async () => {
  app = await startTestApp(counts);
  const { group, person } = await groupOf();
  const long = `${BOT} ${"a".repeat(4_000)}`;

  group.send(long, { from: person });
  group.send("/help@another_bot", { from: person });
  group.sendSticker({ from: person });
  group.sendService({ text: "a".repeat(70_000), from: person });
  await group.waitForBotMessage(String(long.length));
  group.send(`${BOT} ok`, { from: person });
  await group.waitForBotMessage(/^00/);

  expect(textsOf(group)).toHaveLength(2);
  expect(await storedRuns()).toHaveLength(2);
});

test("a forwarded paste is one question; what the person wrote themselves is not a part of it", async () => {
  app = await startTestApp(counts);
  const chat = await app.staff();
  const origin = { type: "hidden_user", sender_user_name: "Boss", date: 1 } as const;
  const parts = ["a".repeat(4_096), "the rest"];

  for (const text of parts) chat.send(text, { extra: { forward_origin: origin } });
  await chat.waitForBotMessage(/^\d+$/);
  chat.send("b".repeat(4_096), { extra: { forward_origin: origin } });
  chat.send("what is this?");
  await expect.poll(() => app.model.requests.length).toBe(3);

  expect(questionOf(app.model.requests[0] as ModelRequest)).toContain(`${parts.join("")}"`);
  expect(questionOf(app.model.requests[2] as ModelRequest)).toBe("what is this?");
});

test("a paste that replies to a message is one question, whether its rest replies to it too or not", async () => {
  app = await startTestApp(scripted([says("Milk is low."), says("One."), says("Two."), says("Three."), says("Four.")]));
  const chat = await app.staff();
  chat.send("stock?");
  const answer = await chat.waitForBotMessage("Milk is low.");
  const [first, rest] = ["a".repeat(4_096), "the rest"];

  chat.send(first, { replyTo: answer });
  chat.send(rest, { replyTo: answer });
  const one = await chat.waitForBotMessage("One.");
  chat.send(first, { replyTo: answer });
  chat.send(rest);
  await chat.waitForBotMessage("Two.");
  chat.send(first, { replyTo: answer });
  chat.send(rest, { replyTo: one });
  await chat.waitForBotMessage("Four.");

  const asked = app.model.requests.map(questionOf);
  expect(asked.map((text) => text.split("\n\n").at(-1))).toEqual(["stock?", first + rest, first + rest, first, rest]);
  expect(asked.map((text) => text.split("Milk is low.").length - 1)).toEqual([0, 1, 1, 1, 0]);
});

test("a failed question in parts that is asked again keeps the picture of a later part", async () => {
  const fault = fails({ status: 503, headers: { "x-should-retry": "false" } });
  app = await startTestApp(scripted([fault, says("Now.")]));
  const chat = await app.staff();

  chat.send("a".repeat(4_096));
  chat.sendPhoto({ caption: "the rest" });
  const failed = await chat.waitForBotMessage((message) => buttonsOf(message).includes(texts.buttons.retry));
  chat.press(failed, texts.buttons.retry);
  await chat.waitForBotMessage(`Now.${IGNORED}`);
});
