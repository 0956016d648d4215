import type { User } from "@grammyjs/types";
import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";

const TOKEN = "4242:secret";
let standIn: TelegramStandIn;
let api: Api;

beforeEach(async () => {
  standIn = await createTelegramStandIn({ token: TOKEN, limits: "none", botUser: { username: "shop_bot" } });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
});

afterEach(() => standIn.close());

test("people's actions arrive as updates: texts with commands, edits, photos, button presses and a block", async () => {
  const hoa = standIn.person({ first_name: "Hoa", language_code: "vi" });
  const chat = standIn.privateChat(hoa);
  const sent = chat.send("/start now");
  chat.edit(sent, "/start later");
  chat.sendPhoto({ caption: "the shelf" });
  const markup = { inline_keyboard: [[{ text: "Stop", callback_data: "stop:1" }]] };
  const shown = await api.sendMessage(chat.id, "working", { reply_markup: markup });
  chat.press(shown, "stop:1");
  chat.block();

  const updates = await api.getUpdates();

  expect(updates).toMatchObject([
    { message: { from: hoa, entities: [{ type: "bot_command", offset: 0, length: 6 }] } },
    { edited_message: { message_id: sent.message_id, text: "/start later", edit_date: expect.any(Number) } },
    { message: { photo: [{}], caption: "the shelf" } },
    { callback_query: { from: hoa, data: "stop:1", message: { message_id: shown.message_id } } },
    { my_chat_member: { new_chat_member: { status: "kicked", user: { id: 4242 } } } },
  ]);
});

test("in a group the bot receives only commands, mentions, replies to it and service messages", async () => {
  const minh = standIn.person({ first_name: "Minh" });
  const group = standIn.group({ title: "Shop", members: [minh] });
  const own = await api.sendMessage(group.id, "hi");
  group.send("just talk");
  group.send("/stock");
  group.send("/stock@other_bot");
  group.send("/stock@Shop_Bot");
  group.send("@shop_bot what's out?");
  group.send("thanks", { replyTo: own });
  group.sendService({ new_chat_members: [standIn.person({ first_name: "Lan" })] });

  const updates = await api.getUpdates();

  expect(updates.map(({ message }) => message?.text ?? "(service)")).toEqual([
    "/stock",
    "/stock@Shop_Bot",
    "@shop_bot what's out?",
    "thanks",
    "(service)",
  ]);
});

test("a bot that is an administrator receives every message of its group", async () => {
  const group = standIn.group({
    title: "Shop",
    members: [standIn.person({ first_name: "Minh" })],
    isBotAdministrator: true,
  });

  group.send("just talk");

  expect(await api.getUpdates()).toHaveLength(1);
  expect(await api.getChatMember(group.id, 4242)).toMatchObject({ status: "administrator" });
});

test("a message in a topic has its id and replies to its first message; a reply in General has a thread id but no topic", async () => {
  const members = [standIn.person({ first_name: "Minh" })];
  const forum = standIn.group({
    title: "Forum",
    type: "supergroup",
    is_forum: true,
    members,
    isBotAdministrator: true,
  });
  const topicId = forum.topic("Stock");

  const inTopic = forum.send("in topic", { messageThreadId: topicId });
  const inGeneral = forum.send("in general");
  const answer = forum.send("answer", { replyTo: inGeneral });

  expect(inTopic).toMatchObject({ message_thread_id: topicId, is_topic_message: true });
  expect(inTopic.reply_to_message).toMatchObject({ forum_topic_created: { name: "Stock" } });
  expect(answer.message_thread_id).toBe(inGeneral.message_id);
  expect(answer).not.toHaveProperty("is_topic_message");
});

test("a reply quotes what the person selects; a message elsewhere comes without its text, with a quote by Telegram", async () => {
  const members = [standIn.person({ first_name: "Minh" })];
  const group = standIn.group({ title: "Shop", type: "supergroup", members, isBotAdministrator: true });
  const own = standIn.privateChat(members[0] as User);
  const talk = group.send("Milk comes on Monday");

  const here = group.send("when?", { replyTo: talk, quote: "on Monday" });
  const elsewhere = own.send("when?", { replyTo: talk });

  expect(here).toMatchObject({
    reply_to_message: { message_id: talk.message_id },
    quote: { text: "on Monday", position: 11, is_manual: true },
  });
  expect(elsewhere).toMatchObject({
    external_reply: { chat: { id: group.id }, message_id: talk.message_id, origin: { type: "user" } },
    quote: { text: "Milk comes on Monday", position: 0 },
  });
  expect(elsewhere.reply_to_message).toBeUndefined();
  expect(() => group.send("when?", { replyTo: talk, quote: "on Tuesday" })).toThrow("has no");
  expect(() => group.send("when?", { quote: "on Monday" })).toThrow("replyTo");
});

test("a closed topic refuses messages of a bot that is no administrator, a deleted one of everybody", async () => {
  const members = [standIn.person({ first_name: "Minh" })];
  const forum = standIn.group({ title: "Forum", type: "supergroup", is_forum: true, members });
  const [closed, deleted] = [forum.topic("Stock"), forum.topic("Sales")];
  forum.send("here", { messageThreadId: deleted });

  forum.closeTopic(closed);
  forum.deleteTopic(deleted);

  const sendTo = (topicId: number) => api.sendMessage(forum.id, "hello", { message_thread_id: topicId });
  await expect(sendTo(closed)).rejects.toThrow("400: Bad Request: TOPIC_CLOSED");
  await expect(sendTo(deleted)).rejects.toThrow("400: Bad Request: message thread not found");
  expect(forum.messages().map(({ text }) => text)).not.toContain("here");
});

test("a migration sends a service message to the old and the new chat", async () => {
  const group = standIn.group({ title: "Shop", members: [standIn.person({ first_name: "Minh" })] });

  const upgraded = group.migrate();

  expect((await api.getUpdates()).map(({ message }) => message)).toMatchObject([
    { chat: { id: group.id }, migrate_to_chat_id: upgraded.id },
    { chat: { id: upgraded.id, type: "supergroup" }, migrate_from_chat_id: group.id },
  ]);
  expect(() => group.send("x")).toThrow("was upgraded");
});

test('the chat action "typing" is shown until a message arrives', async () => {
  const chat = standIn.privateChat(standIn.person({ first_name: "Hoa" }));
  chat.send("hello");
  await api.sendChatAction(chat.id, "typing");
  const before = chat.shownAction();

  await api.sendMessage(chat.id, "hi");

  expect(before?.name).toBe("typing");
  expect(chat.shownAction()).toBeUndefined();
});

test("the history has every version of a message; the chat shows the last one", async () => {
  const chat = standIn.privateChat(standIn.person({ first_name: "Hoa" }));
  chat.send("hello");
  const { message_id } = await api.sendMessage(chat.id, "one");
  await api.editMessageText(chat.id, message_id, "one two");

  const versions = chat.history.flatMap((change) => ("message" in change ? [change.message.text] : []));

  expect(versions).toEqual(["hello", "one", "one two"]);
  expect(chat.messages().map(({ text }) => text)).toEqual(["hello", "one two"]);
});

test("waitFor resolves with the first matching change", async () => {
  const chat = standIn.privateChat(standIn.person({ first_name: "Hoa" }));
  chat.send("hello");
  const waiting = chat.waitForBotMessage("one two");

  const { message_id } = await api.sendMessage(chat.id, "one");
  await api.editMessageText(chat.id, message_id, "one two");

  expect(await waiting).toMatchObject({ message_id, text: "one two" });
});
