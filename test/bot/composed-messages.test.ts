/** Whatever a person can compose on Telegram is read, or answered with a sentence. */
import type { Message } from "@grammyjs/types";
import { asc } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { says } from "../../sandbox/model/script.ts";
import type { Responder } from "../../sandbox/model/turn.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { messageRevisions, messages } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, questionOf, repeats, staffPerson, textsOf } from "./bot-support.ts";

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

test("a rich message that is longer than a text may be, or has pictures, is read; pictures alone get the sentence", async () => {
  app = await startTestApp(({ body }) =>
    says(`Read ${String((body.input.at(-1) as { content: string }).content.length)}`),
  );
  const [long, tooLong, pictures, alone] = await Promise.all([app.staff(), app.staff(), app.staff(), app.staff()]);
  const photo = { type: "photo", photo: [] };

  long.sendService(rich(paragraph("a".repeat(32_768))));
  tooLong.sendService(rich(...Array.from({ length: 3 }, () => paragraph("a".repeat(30_000)))));
  pictures.sendService(rich(paragraph("are these in stock?"), photo));
  alone.sendService(rich(photo, { ...photo, type: "hologram" }));
  await long.waitForBotMessage("Read 32768");
  await tooLong.waitForBotMessage(texts.tooLong(65_536));
  await pictures.waitForBotMessage(new RegExp(`${IGNORED}$`));
  await alone.waitForBotMessage(texts.unsupported);

  const asked = app.model.requests.map(questionOf).find((text) => text.includes("in stock"));
  expect(asked).toContain("You cannot see it");
  expect(asked).toMatch(/are these in stock\?\n\[photo\]$/);
});

test("in a group, the bot is addressed by a link to it, in a text, a caption and a rich message", async () => {
  app = await startTestApp(repeatsWords);
  const { group } = await groupOf();
  const { id } = app.telegram.bot;
  const link = (to: number) => ({ type: "text_link" as const, offset: 0, length: 3, url: `tg://user?id=${to}` });

  group.send("Ann stock?", { entities: [link(99)] });
  group.send("Bot stock?", { entities: [link(id)] });
  group.sendPhoto({ caption: "Bot this?", extra: { caption_entities: [link(id)] } });
  const linkTo = (url: string) => ({ ...link(id), url });
  group.send("Bot page?", { entities: [linkTo("https://t.me/Counterhand_Sandbox_Bot")] });
  group.send("Bot name?", { entities: [linkTo("tg://resolve?domain=counterhand_sandbox_bot")] });
  group.send("Bot invite", { entities: [linkTo("https://t.me/counterhand_sandbox_bot?start=x")] });
  group.send("Bot others", { entities: [linkTo("https://t.me/counterhand_sandbox_bots")] });
  group.sendService(rich(paragraph([{ type: "url", text: "Bot", url: `tg://user?id=${id}` }, " rich?"])));
  group.sendService(rich(paragraph(["hey ", { type: "mention", text: "@counterhand_sandbox_bot", username: "x" }])));
  group.sendService(rich(paragraph("nobody is meant, or @counterhand_sandbox_bots")));
  await group.waitForBotMessage(/^Answer: hey/);

  expect(textsOf(group)).toEqual([
    "Answer: Bot stock?",
    `Answer: Bot this?${IGNORED}`,
    "Answer: Bot page?",
    "Answer: Bot name?",
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
