import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineMethod } from "../../../sandbox/telegram/methods/method.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";

const TOKEN = "4242:secret";
let standIn: TelegramStandIn;
let api: Api;
let chat: StandInChat;

beforeEach(async () => {
  standIn = await createTelegramStandIn({ token: TOKEN, limits: "none" });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
  chat = standIn.privateChat(standIn.person({ first_name: "Hoa", username: "hoa" }));
  chat.send("hello");
});

afterEach(() => standIn.close());

/** Makes a call that grammY's types do not allow. */
async function callRaw(method: string, params: unknown, token = TOKEN): Promise<unknown> {
  const body = JSON.stringify(params);
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${standIn.apiRoot}/bot${token}/${method}`, { method: "POST", headers, body });
  const answer: unknown = await response.json();
  return { status: response.status, answer };
}

function refusal(errorCode: number, description: string) {
  return { error_code: errorCode, description: expect.stringContaining(description) };
}

test("a wrong token is 401, an unknown method and an unknown path are 404", async () => {
  const wrongToken = await callRaw("getMe", {}, "4242:other");
  const unknownMethod = await callRaw("sendTelepathy", {});
  const unknownPath = await fetch(`${standIn.apiRoot}/getMe`);

  expect(wrongToken).toEqual({ status: 401, answer: { ok: false, error_code: 401, description: "Unauthorized" } });
  expect(unknownMethod).toMatchObject({ status: 404, answer: { ok: false, error_code: 404 } });
  expect(unknownPath.status).toBe(404);
});

test.each([
  ["an unknown parameter", { text: "a", parse_mood: "HTML" }, "parse_mood"],
  ["a parameter of a wrong type", { text: 5 }, "text"],
  ["a missing parameter", {}, "text"],
  ["parse_mode", { text: "<b>a</b>", parse_mode: "HTML" }, "not supported by the stand-in"],
  ["parse_mode together with entities", { text: "a", parse_mode: "HTML", entities: [] }, "exclude each other"],
  ["an unknown kind of entity", { text: "a", entities: [{ type: "loud", offset: 0, length: 1 }] }, "entities"],
  ["callback data over 64 bytes", { text: "a", reply_markup: keyboardWith("ầ".repeat(22)) }, "BUTTON_DATA_INVALID"],
  ["empty callback data", { text: "a", reply_markup: keyboardWith("") }, "BUTTON_DATA_INVALID"],
  ["a lone surrogate", { text: "a\ud83d" }, "strings must be encoded in UTF-8"],
])("sendMessage with %s is 400", async (_what, params, description) => {
  const answer = await callRaw("sendMessage", { chat_id: chat.id, ...params });

  expect(answer).toMatchObject({ status: 400, answer: { ok: false, ...refusal(400, description) } });
  expect(chat.botMessages()).toEqual([]);
});

function keyboardWith(callbackData: string) {
  return { inline_keyboard: [[{ text: "Stop", callback_data: callbackData }]] };
}

test("text has 1 to 4,096 UTF-16 units after trimming", async () => {
  const longest = "😀".repeat(2_048);

  const sent = await api.sendMessage(chat.id, `\n ${longest} \n`);

  expect(sent.text).toBe(longest);
  await expect(api.sendMessage(chat.id, `${longest}a`)).rejects.toMatchObject(refusal(400, "message is too long"));
  await expect(api.sendMessage(chat.id, "")).rejects.toMatchObject(refusal(400, "message text is empty"));
  await expect(api.sendMessage(chat.id, " \n")).rejects.toMatchObject(refusal(400, "text must be non-empty"));
});

test.each([
  ["after the end", { offset: 2, length: 1 }, "begins after the end"],
  ["beyond the end", { offset: 0, length: 9 }, "ends after the end"],
  ["starting inside a surrogate pair", { offset: 1, length: 1 }, "begins in a middle of a UTF-16 symbol"],
  ["ending inside a surrogate pair", { offset: 0, length: 1 }, "ends in a middle of a UTF-16 symbol"],
  ["with no length", { offset: 0, length: 0 }, "is empty"],
])("an entity %s is 400", async (_where, span, description) => {
  const sending = api.sendMessage(chat.id, "😀", { entities: [{ type: "bold", ...span }] });

  await expect(sending).rejects.toMatchObject(refusal(400, description));
});

test("entities are sorted, shifted by trimming and cut around code; commands and links are detected", async () => {
  const sent = await api.sendMessage(chat.id, "  bold code /stop https://a.example/x.", {
    entities: [
      { type: "code", offset: 7, length: 4 },
      { type: "bold", offset: 2, length: 9 },
    ],
  });

  expect(sent.text).toBe("bold code /stop https://a.example/x.");
  expect(sent.entities).toEqual([
    { type: "bold", offset: 0, length: 5 },
    { type: "code", offset: 5, length: 4 },
    { type: "bot_command", offset: 10, length: 5 },
    { type: "url", offset: 16, length: 19 },
  ]);
});

test("an edit without changes is 400; an edit of only the buttons is accepted", async () => {
  const markup = { inline_keyboard: [[{ text: "Stop", callback_data: "stop" }]] };
  const { message_id } = await api.sendMessage(chat.id, "working", { reply_markup: markup });

  const same = api.editMessageText(chat.id, message_id, " working ", { reply_markup: markup });
  await expect(same).rejects.toMatchObject(refusal(400, "message is not modified: specified new message content"));
  const edited = await api.editMessageText(chat.id, message_id, "working");

  expect(edited).not.toHaveProperty("reply_markup");
  await expect(api.editMessageReplyMarkup(chat.id, message_id)).rejects.toMatchObject(refusal(400, "not modified"));
});

test("only the bot's own messages that still exist can be edited", async () => {
  const theirs = chat.send("mine");
  const deleted = await api.sendMessage(chat.id, "to be deleted");
  chat.deleteMessage(deleted);

  await expect(api.editMessageText(chat.id, theirs.message_id, "x")).rejects.toMatchObject(
    refusal(400, "message can't be edited"),
  );
  await expect(api.editMessageText(chat.id, deleted.message_id, "x")).rejects.toMatchObject(
    refusal(400, "message to edit not found"),
  );
  await expect(api.deleteMessage(chat.id, deleted.message_id)).rejects.toMatchObject(
    refusal(400, "message to delete not found"),
  );
});

test("a message that showed or removed a reply keyboard can never be edited", async () => {
  const shows = await api.sendMessage(chat.id, "choose", { reply_markup: { keyboard: [["Yes"]] } });
  const keyboard = chat.replyKeyboard();
  const removes = await api.sendMessage(chat.id, "done", { reply_markup: { remove_keyboard: true } });

  const edits = [shows, removes].map(({ message_id }) => api.editMessageText(chat.id, message_id, "x"));

  expect(keyboard?.keyboard).toEqual([["Yes"]]);
  expect(chat.replyKeyboard()).toBeUndefined();
  for (const edit of edits) await expect(edit).rejects.toMatchObject(refusal(400, "message can't be edited"));
});

test("sending to a person who never wrote, to one who blocked the bot, or to a group that removed it is 403", async () => {
  const silent = standIn.privateChat(standIn.person({ first_name: "Sam" }));
  const group = standIn.group({ title: "Shop", members: [standIn.person({ first_name: "Minh" })] });
  chat.block();
  group.kick();

  const refusals = await Promise.allSettled([silent, chat, group].map(({ id }) => api.sendMessage(id, "x")));

  expect(refusals.map((result) => "reason" in result && result.reason.description)).toEqual([
    "Forbidden: bot can't initiate conversation with a user",
    "Forbidden: bot was blocked by the user",
    "Forbidden: bot was kicked from the group chat",
  ]);
  await expect(api.sendMessage(99, "x")).rejects.toMatchObject(refusal(400, "chat not found"));
});

test("a reply to a missing message is 400, unless allow_sending_without_reply is set", async () => {
  const missing = { message_id: 12_345 };

  const strict = api.sendMessage(chat.id, "x", { reply_parameters: missing });
  await expect(strict).rejects.toMatchObject(refusal(400, "message to be replied not found"));
  const lenient = await api.sendMessage(chat.id, "x", {
    reply_parameters: { ...missing, allow_sending_without_reply: true },
  });

  expect(lenient).not.toHaveProperty("reply_to_message");
});

test("calls to an upgraded group get the supergroup's id, and its messages do not exist there", async () => {
  const group = standIn.group({ title: "Shop", members: [standIn.person({ first_name: "Minh" })] });
  await api.sendMessage(group.id, "before");

  const upgraded = group.migrate();

  await expect(api.sendMessage(group.id, "after")).rejects.toMatchObject({
    ...refusal(400, "upgraded to a supergroup chat"),
    parameters: { migrate_to_chat_id: upgraded.id },
  });
  expect(upgraded.botMessages()).toEqual([]);
  expect((await api.sendMessage(upgraded.id, "after")).chat.id).toBe(upgraded.id);
});

test("a forum topic is addressed by its id, the General topic only without an id", async () => {
  const members = [standIn.person({ first_name: "Minh" })];
  const forum = standIn.group({ title: "Forum", type: "supergroup", is_forum: true, members });
  const topicId = forum.topic("Stock");

  const inTopic = await api.sendMessage(forum.id, "x", { message_thread_id: topicId });
  const inGeneral = await api.sendMessage(forum.id, "y");

  expect(inTopic).toMatchObject({ message_thread_id: topicId, is_topic_message: true });
  expect(inGeneral).not.toHaveProperty("message_thread_id");
  for (const message_thread_id of [1, 9_999]) {
    const sending = api.sendMessage(forum.id, "z", { message_thread_id });
    await expect(sending).rejects.toMatchObject(refusal(400, "message thread not found"));
  }
});

test("a callback query can be answered once, with at most 200 characters", async () => {
  const markup = { inline_keyboard: [[{ text: "Stop", callback_data: "stop" }]] };
  const message = await api.sendMessage(chat.id, "x", { reply_markup: markup });
  const query = chat.press(message, "Stop");

  const tooLong = api.answerCallbackQuery(query.id, { text: "a".repeat(201) });
  await expect(tooLong).rejects.toMatchObject(refusal(400, "MESSAGE_TOO_LONG"));
  await api.answerCallbackQuery(query.id, { text: "Stopped" });

  expect(chat.history).toContainEqual(expect.objectContaining({ kind: "callback-answer", text: "Stopped" }));
  await expect(api.answerCallbackQuery(query.id)).rejects.toMatchObject(refusal(400, "query is too old"));
  expect(() => chat.press(message, "Go")).toThrow('has no button "Go"; its buttons: "Stop" (stop)');
});

test.each([
  ["capital letters", [{ command: "Stop", description: "d" }], "BOT_COMMAND_INVALID"],
  ["a name over 32", [{ command: "a".repeat(33), description: "d" }], "BOT_COMMAND_INVALID"],
  ["a description over 256", [{ command: "a", description: "d".repeat(257) }], "BOT_COMMAND_DESCRIPTION_INVALID"],
  ["over 100 commands", Array(101).fill({ command: "a", description: "d" }), "BOT_COMMANDS_TOO_MUCH"],
])("setMyCommands refuses %s", async (_what, commands, description) => {
  await expect(api.setMyCommands(commands)).rejects.toMatchObject(refusal(400, description));
});

test("commands are stored per scope and language, and a person sees those of the narrowest scope", async () => {
  const general = [{ command: "help", description: "Help" }];
  const vietnamese = [{ command: "help", description: "Giúp" }];
  await api.setMyCommands(general);
  await api.setMyCommands(vietnamese, { scope: { type: "all_private_chats" }, language_code: "vi" });

  const seen = standIn.commandsFor(standIn.person({ first_name: "Hoa", language_code: "vi" }));
  const seenByOthers = standIn.commandsFor(standIn.person({ first_name: "Sam", language_code: "en" }));

  expect(seen).toEqual(vietnamese);
  expect(seenByOthers).toEqual(general);
  expect(await api.getMyCommands()).toEqual(general);
});

test("parameters are accepted as JSON, form, multipart or query, and method names in any case", async () => {
  const url = `${standIn.apiRoot}/bot${TOKEN}/SENDMESSAGE`;
  const fields = { chat_id: String(chat.id), text: "123", reply_markup: '{"keyboard":[["Yes"]]}' };
  const multipart = new FormData();
  for (const [name, value] of Object.entries(fields)) multipart.set(name, value);

  const responses = await Promise.all([
    fetch(url, { method: "POST", body: new URLSearchParams(fields) }),
    fetch(url, { method: "POST", body: multipart }),
    fetch(`${url}?${new URLSearchParams(fields)}`),
  ]);

  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(chat.botMessages().map(({ text }) => text)).toEqual(["123", "123", "123"]);
});

test.each(["constructor", "toString", "hasOwnProperty", "__proto__"])(
  "a parameter called %s is unknown",
  async (name) => {
    const body = new URLSearchParams({ chat_id: String(chat.id), text: "a" });
    body.append(name, "1");

    const response = await fetch(`${standIn.apiRoot}/bot${TOKEN}/sendMessage`, { method: "POST", body });

    expect(await response.json()).toMatchObject({ error_code: 400, description: expect.stringContaining(name) });
  },
);

test("additional methods are available, and replace built-in methods of the same name", async () => {
  const sendTelepathy = defineMethod({ name: "sendTelepathy", parameters: {}, execute: () => "felt" });
  const getMe = defineMethod({ name: "getMe", parameters: {}, execute: () => "somebody else" });
  const other = await createTelegramStandIn({ token: TOKEN, methods: [sendTelepathy, getMe] });

  const results = await Promise.all(
    ["sendtelepathy", "getMe", "getWebhookInfo"].map(async (method) => {
      const response = await fetch(`${other.apiRoot}/bot${TOKEN}/${method}`);
      return ((await response.json()) as { result: unknown }).result;
    }),
  );
  await other.close();

  expect(results).toMatchObject(["felt", "somebody else", { url: "" }]);
});
