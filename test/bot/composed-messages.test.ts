/** Whatever a person can compose on Telegram is read, or answered with a sentence. */
import type { Message } from "@grammyjs/types";
import { asc } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { says, scripted } from "../../sandbox/model/script.ts";
import type { Responder } from "../../sandbox/model/turn.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { messageRevisions, messages, runs } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, conversationOf, questionOf, repeats, staffPerson, textsOf } from "./bot-support.ts";

const texts = textsIn("en");
const IGNORED = `\n\n${texts.attachmentIgnored}`;
let app: TestApp;
afterEach(() => app.close());

const rich = (...blocks: unknown[]) => ({ rich_message: { blocks } }) as Partial<Message>;
const paragraph = (text: unknown) => ({ type: "paragraph", text });

async function groupOf() {
  const person = await staffPerson(app, "staff", { first_name: "An" });
  return { person, group: app.telegram.group({ title: "Shop", members: [person], isBotAdministrator: true }) };
}

/** Answers with the question, without what the bot tells the model of it. */
const repeatsWords: Responder = (request) => says(`Answer: ${questionOf(request).split("\n\n").at(-1)}`);

const stored = () => app.test.db.select().from(messages).orderBy(asc(messages.position));
const storedRuns = () => app.test.db.select().from(runs).orderBy(asc(runs.position));

test("a rich message is a question like any other, also forwarded and edited", async () => {
  const release = Promise.withResolvers<void>();
  app = await startTestApp((request) =>
    questionOf(request) === "one" ? says(["First: ", release.promise, "done"]) : repeats(request),
  );
  const chat = await app.staff();

  chat.send("one");
  await chat.waitForBotMessage(/^First/);
  const asked = chat.sendService(
    rich(
      paragraph(["what about ", { type: "bold", text: "these" }, "?"]),
      { type: "list", items: [{ label: "1.", blocks: [paragraph("oat milk")] }] },
      { type: "table", cells: [[{ text: "cup" }, { text: "12" }]] },
    ),
  );
  const edited = chat.sendService(rich(paragraph("stock?")));
  app.telegram.sendUpdate({
    edited_message: { ...edited, ...rich(paragraph("revenue?")), edit_date: edited.date } as never,
  });
  const origin = { type: "hidden_user", sender_user_name: "Boss", date: asked.date } as const;
  chat.sendService({ ...rich(paragraph("count the cups")), forward_origin: origin });
  await allHandled(app);
  release.resolve();
  await chat.waitForBotMessage(/count the cups/);

  const questions = app.model.requests.map(questionOf);
  expect(questions.slice(0, 3)).toEqual(["one", "what about these?\n1. oat milk\ncup\t12", "revenue?"]);
  expect(questions[3]).toContain('"count the cups"');
  expect(await app.test.db.select().from(messageRevisions)).toEqual([]);
});

test("in a group, the bot is addressed by a link to it, in a text, a caption and a rich message", async () => {
  app = await startTestApp(repeatsWords);
  const { group } = await groupOf();
  const { id } = app.telegram.bot;
  const link = (to: number) => ({ type: "text_link" as const, offset: 0, length: 3, url: `tg://user?id=${to}` });

  group.send("Ann stock?", { entities: [link(99)] });
  group.send("Bot stock?", { entities: [link(id)] });
  group.sendPhoto({ caption: "Bot this?", extra: { caption_entities: [link(id)] } });
  group.sendService(rich(paragraph([{ type: "url", text: "Bot", url: `tg://user?id=${id}` }, " rich?"])));
  group.sendService(rich(paragraph(["hey ", { type: "mention", text: "@counterhand_sandbox_bot", username: "x" }])));
  group.sendService(rich(paragraph("nobody is meant, or @counterhand_sandbox_bots")));
  await group.waitForBotMessage(/^Answer: hey/);

  expect(textsOf(group)).toEqual([
    "Answer: Bot stock?",
    `Answer: Bot this?${IGNORED}`,
    "Answer: Bot rich?",
    "Answer: hey @counterhand_sandbox_bot",
  ]);
});

test("the text of a picture is the question, and the answer says that the picture is not looked at", async () => {
  app = await startTestApp(repeatsWords);
  const chat = await app.staff();

  chat.sendPhoto({ caption: "how many of these are left?" });
  await chat.waitForBotMessage(`Answer: how many of these are left?${IGNORED}`);

  expect(await stored()).toMatchObject([{ text: "how many of these are left?", hasAttachment: true }, {}]);
  expect(app.model.requests.map(questionOf)).toEqual([expect.stringContaining("You cannot see it")]);
});

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
  await chat.waitForBotMessage("Next.");

  expect(app.model.requests.map(conversationOf)).toEqual([[parts.join("")], [parts.join(""), "Long.", "and now?"]]);
  const said = (await stored()).filter(({ role }) => role === "user");
  expect(said.map(({ text }) => text)).toEqual([...parts, "and now?"]);
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
  app = await startTestApp(({ body }) => says(`${String(body.input.at(-1) && questionLength(body)).padStart(4, "0")}`));
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

test("kinds of messages that the bot does not know get the sentence, service messages none", async () => {
  app = await startTestApp(repeats);
  const unknown: object[] = [
    { checklist: { title: "Buy", tasks: [] } },
    { paid_media: { star_count: 1, paid_media: [] } },
    { hologram: { file_id: "h" } },
    { live_photo: { file_id: "l" } },
  ];
  const chats = await Promise.all(unknown.map(() => app.staff()));

  for (const [n, fields] of unknown.entries()) {
    chats[n]?.sendService({ forum_topic_edited: {} } as Partial<Message>);
    chats[n]?.sendService(fields as Partial<Message>);
  }
  await Promise.all(chats.map((chat) => chat.waitForBotMessage(texts.unsupported)));

  expect(chats.map(textsOf)).toEqual(chats.map(() => [texts.unsupported]));
});

test("messages without an id are two messages, and nothing replies to them", async () => {
  app = await startTestApp(repeats);
  const { group, person } = await groupOf();
  const extra = { message_id: 0, ephemeral_message_id: 7 };

  group.send("@counterhand_sandbox_bot one", { from: person, extra });
  group.send("@counterhand_sandbox_bot two", { from: person, extra });
  await group.waitForBotMessage(/two$/);

  expect(
    (await stored()).filter(({ role }) => role === "user").map(({ telegramMessageId }) => telegramMessageId),
  ).toEqual([null, null]);
  expect(group.botMessages().map((message) => message.reply_to_message)).toEqual([undefined, undefined]);
});

test("updates of kinds that do not exist yet change nothing and hold up nothing", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff();

  app.telegram.sendUpdate({ hologram_received: { id: 1 } } as never);
  app.telegram.sendUpdate({} as never);
  app.telegram.sendUpdate({ message: { message_id: 5, date: 1 } } as never);
  chat.send("still there?");
  await chat.waitForBotMessage("Answer: still there?");

  expect(textsOf(chat)).toEqual(["Answer: still there?"]);
});

function questionLength(body: { input: unknown }): number {
  const last = Array.isArray(body.input) ? body.input.at(-1) : undefined;
  return String((last as { content?: unknown } | undefined)?.content).length;
}
