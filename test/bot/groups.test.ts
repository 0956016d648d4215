import type { User } from "@grammyjs/types";
import { sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { calls, says, scripted } from "../../sandbox/model/script.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { chats } from "../../src/db/schema/index.ts";
import type { StaffRole } from "../../src/shop/roles.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, conversationOf, repeats, staffPerson, textsOf } from "./bot-support.ts";

const texts = textsIn("en");
const BOT = "@counterhand_sandbox_bot";
let app: TestApp;
afterEach(() => app.close());

test("in a group the bot answers only mentions, replies and commands", async () => {
  app = await startTestApp(repeats);
  const { group } = await groupOf("staff");

  group.send("who has the keys?");
  group.send("mail me@counterhand_sandbox_bot or @counterhand_sandbox_bots");
  group.send("@somebody_else what's out?");
  group.sendPhoto({ caption: "the shelf" });
  group.send("/stock");
  const mention = group.send("@Counterhand_Sandbox_Bot what's out?");
  const answer = await group.waitForBotMessage("Answer: @Counterhand_Sandbox_Bot what's out?");
  const reply = group.send("and milk?", { replyTo: answer });
  await group.waitForBotMessage(/"\n\nand milk\?$/, { after: reply });
  const command = group.send(`/help${BOT}`);
  await group.waitForBotMessage(texts.help, { after: command });

  expect(textsOf(group)).toEqual([
    "Answer: @Counterhand_Sandbox_Bot what's out?",
    expect.stringMatching(/and milk\?$/),
    texts.help,
  ]);
  expect(answer.reply_to_message?.message_id).toBe(mention.message_id);
});

test("a command for another bot is ignored, even as a reply to ours; an unknown command for ours is not", async () => {
  app = await startTestApp(repeats);
  const { group } = await groupOf("staff");
  group.send("/start");
  const ours = await group.waitForBotMessage(/^Hello/);

  group.send("/help@other_bot");
  group.send("/new@other_bot", { replyTo: ours });
  group.send(`/stop@other_bot ${BOT}`);
  group.send(`/stock${BOT}`);
  await group.waitForBotMessage(texts.unknownCommand);

  expect(textsOf(group)).toEqual([ours.text, texts.unknownCommand]);
});

test("a mention of the bot by name without a username counts, and a text_mention of others does not", async () => {
  app = await startTestApp(repeats);
  const { group, person } = await groupOf("staff");
  const mentioned = (user: User) => ({
    entities: [{ type: "text_mention" as const, offset: 0, length: 3, user }],
  });

  group.send("You there?", mentioned(person));
  group.send("Bot there?", mentioned(app.telegram.bot));
  await group.waitForBotMessage("Answer: Bot there?");

  expect(textsOf(group)).toEqual(["Answer: Bot there?"]);
});

test("strangers in a group get the notice once an hour when they address the bot, and none when they address others", async () => {
  app = await startTestApp(scripted([]));
  const { group } = await groupOf("staff");
  const guest = app.telegram.person({ first_name: "Guest" });

  group.send("hello all", { from: guest });
  group.send(`${BOT} hello`, { from: guest });
  await group.waitForBotMessage(texts.stranger);
  group.send(`${BOT} hello?`, { from: guest });
  group.send("/help");
  await group.waitForBotMessage(texts.help);

  expect(textsOf(group)).toEqual([texts.stranger, texts.help]);
});

test("an owner in a group has only staff rights: figures for owners are refused there, and given in private", async () => {
  const question = calls({ name: "CheckDailyRevenue", arguments: { date: "2026-11-14" } });
  app = await startTestApp(scripted([question, says("in the group"), question, says("in private")]), {
    env: { REVENUE_ROLES: "owner" },
  });
  const { group, person } = await groupOf("owner");
  const own = app.telegram.privateChat(person);

  group.send(`${BOT} how was yesterday?`);
  await group.waitForBotMessage("in the group");
  own.send("how was yesterday?");
  await own.waitForBotMessage("in private");

  const outputs = app.model.requests.flatMap(({ body }) =>
    typeof body.input === "string" ? [] : body.input.flatMap(({ output }) => (output ? [String(output)] : [])),
  );
  expect(outputs[0]).toMatch(/may not see that.*owner/);
  expect(outputs[1]).not.toMatch(/may not see that/);
  expect(outputs).toHaveLength(2);
});

test("messages by or for a higher role are not in the history of a lower one", async () => {
  app = await startTestApp(repeats);
  const { group } = await groupOf("owner");
  const [barista, manager] = [
    await staffPerson(app, "staff", { first_name: "Binh" }),
    await staffPerson(app, "manager", { first_name: "Chi" }),
  ];
  await ask(group, `${BOT} opens the chat`, barista);
  await app.test.db.update(chats).set({ roleCeiling: "manager" });

  await ask(group, `${BOT} secret profit`);
  await ask(group, `${BOT} any news?`, barista);
  await ask(group, `${BOT} and for me?`, manager);

  expect(app.model.requests.map(conversationOf).slice(2)).toEqual([
    [`${BOT} opens the chat`, `Answer: ${BOT} opens the chat`, `${BOT} any news?`],
    [
      `${BOT} opens the chat`,
      `Answer: ${BOT} opens the chat`,
      `${BOT} secret profit`,
      `Answer: ${BOT} secret profit`,
      `${BOT} any news?`,
      `Answer: ${BOT} any news?`,
      `${BOT} and for me?`,
    ],
  ]);
});

test("anonymous admins and channels that address the bot are asked to write as themselves", async () => {
  app = await startTestApp(scripted([]));
  const { group, person } = await groupOf("owner");
  const asGroup = { extra: { sender_chat: { id: group.id, type: "supergroup" as const, title: "Shop" } } };
  const asChannel = { extra: { sender_chat: { id: -1_001, type: "channel" as const, title: "News" } } };

  group.send("hello all", { from: person, ...asGroup });
  group.send(`${BOT} hello`, { from: person, ...asGroup });
  const first = await group.waitForBotMessage(texts.anonymous);
  group.send(`${BOT} hello`, { from: person, ...asChannel });
  await group.waitForBotMessage(texts.anonymous, { after: first });

  expect(textsOf(group)).toEqual([texts.anonymous, texts.anonymous]);
  expect(await countRuns()).toBe(0);
});

test("each forum topic is a thread of its own, and is answered where it was asked", async () => {
  app = await startTestApp(repeats);
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const [stock, sales] = [forum.topic("Stock"), forum.topic("Sales")];

  await ask(forum, `${BOT} beans?`, person, stock);
  await ask(forum, `${BOT} yesterday?`, person, sales);
  await ask(forum, `${BOT} milk?`, person, stock);
  await ask(forum, `${BOT} in general`, person);
  forum.send("/new", { messageThreadId: sales });
  const closed = await forum.waitForBotMessage(texts.newThread);
  await ask(forum, `${BOT} tea?`, person, stock);

  expect(app.model.requests.map((request) => conversationOf(request).filter((text) => text.startsWith(BOT)))).toEqual([
    [`${BOT} beans?`],
    [`${BOT} yesterday?`],
    [`${BOT} beans?`, `${BOT} milk?`],
    [`${BOT} in general`],
    [`${BOT} beans?`, `${BOT} milk?`, `${BOT} tea?`],
  ]);
  expect(
    forum.botMessages().map(({ message_thread_id, is_topic_message }) => is_topic_message && message_thread_id),
  ).toEqual([stock, sales, stock, undefined, sales, stock]);
  expect(closed.message_thread_id).toBe(sales);
});

test("/threads in a topic lists only the threads of that topic", async () => {
  app = await startTestApp(repeats);
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const [stock, sales] = [forum.topic("Stock"), forum.topic("Sales")];
  await ask(forum, `${BOT} beans?`, person, stock);
  await ask(forum, `${BOT} yesterday?`, person, sales);

  forum.send("/threads", { messageThreadId: stock });
  const offer = await forum.waitForBotMessage(texts.pickThread);
  const [button] = offer.reply_markup?.inline_keyboard.flat() ?? [];
  forum.press(offer, button?.text ?? "");
  const resumed = await forum.waitForBotMessage(/^Continuing/);

  expect(offer.reply_markup?.inline_keyboard.flat().map(({ text }) => text)).toEqual([`● ${BOT} beans?`]);
  expect(resumed.message_thread_id).toBe(stock);
});

test("a reply thread in a supergroup is not a topic", async () => {
  app = await startTestApp(repeats);
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const group = app.telegram.group({ title: "Shop", members: [person], type: "supergroup" });
  await ask(group, `${BOT} beans?`);
  const [answer] = group.botMessages();

  const reply = group.send("and milk?", answer ? { replyTo: answer } : {});
  await group.waitForBotMessage(/"\n\nand milk\?$/, { after: reply });

  expect(reply.message_thread_id).toEqual(expect.any(Number));
  expect(reply.is_topic_message).toBeUndefined();
  expect(app.model.requests.map(conversationOf).at(-1)).toHaveLength(3);
  const sent = app.telegram.calls().filter(({ method }) => method === "sendMessage");
  expect(sent.filter(({ params }) => "message_thread_id" in params)).toEqual([]);
});

test("answers and system messages reply to the asker's message in a group, and to nothing in a private chat", async () => {
  app = await startTestApp(repeats);
  const { group, person } = await groupOf("staff");
  const own = app.telegram.privateChat(person);

  const asked = group.send(`${BOT} hello`);
  const inGroup = await group.waitForBotMessage(`Answer: ${BOT} hello`);
  const command = group.send("/help");
  const help = await group.waitForBotMessage(texts.help);
  own.send("hello");
  const inPrivate = await own.waitForBotMessage("Answer: hello");

  expect(inGroup.reply_to_message?.message_id).toBe(asked.message_id);
  expect(help.reply_to_message?.message_id).toBe(command.message_id);
  expect(inPrivate.reply_to_message).toBeUndefined();
});

test("a group that becomes a supergroup keeps its chat, thread and messages", async () => {
  app = await startTestApp(repeats);
  const { group, person } = await groupOf("staff", "group");
  await ask(group, `${BOT} beans?`);

  const supergroup = group.migrate();
  await ask(supergroup, `${BOT} milk?`, person);

  expect(app.model.requests.map(conversationOf).at(-1)).toEqual([
    `${BOT} beans?`,
    `Answer: ${BOT} beans?`,
    `${BOT} milk?`,
  ]);
  expect(await app.test.db.select({ telegramId: chats.telegramId, type: chats.type }).from(chats)).toEqual([
    { telegramId: supergroup.id, type: "supergroup" },
  ]);
});

test("a group's new name is known from the next message on", async () => {
  app = await startTestApp(repeats);
  const { group } = await groupOf("staff");
  await ask(group, `${BOT} beans?`);
  await app.test.db.update(chats).set({ title: "The old name" });

  await ask(group, `${BOT} milk?`);

  expect(await app.test.db.select({ title: chats.title }).from(chats)).toEqual([{ title: "Shop" }]);
});

/** A group with one staff member in which the bot sees every message, so that its silence is a decision. */
async function groupOf(role: StaffRole, type: "group" | "supergroup" = "group") {
  const person = await staffPerson(app, role, { first_name: "An" });
  const group = app.telegram.group({ title: "Shop", members: [person], type, isBotAdministrator: true });
  return { group, person };
}

async function ask(chat: StandInChat, question: string, from?: User, topic?: number): Promise<void> {
  const asked = chat.send(question, {
    ...(from && { from }),
    ...(topic !== undefined && { messageThreadId: topic }),
  });
  await chat.waitForBotMessage(`Answer: ${question}`, { after: asked });
  await allHandled(app);
}

async function countRuns(): Promise<number> {
  const [row] = await app.test.db.execute<{ count: number }>(sql`select count(*)::int as count from runs`);
  return row?.count ?? -1;
}
