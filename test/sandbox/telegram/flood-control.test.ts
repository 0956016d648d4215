import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";

const TOKEN = "4242:secret";
let nowMs: number;
let standIn: TelegramStandIn;
let api: Api;
let chat: StandInChat;

beforeEach(async () => {
  nowMs = Date.parse("2026-11-22T08:00:00Z");
  standIn = await createTelegramStandIn({ token: TOKEN, now: () => nowMs });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
  chat = startedChat();
});

afterEach(() => standIn.close());

function startedChat(): StandInChat {
  const started = standIn.privateChat(standIn.person({ first_name: "Hoa" }));
  started.send("hello");
  return started;
}

async function sendMany(to: StandInChat, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) await api.sendMessage(to.id, `message ${sent}`);
}

function tooMany(retryAfterSeconds: number) {
  const description = `Too Many Requests: retry after ${retryAfterSeconds}`;
  return { error_code: 429, description, parameters: { retry_after: retryAfterSeconds } };
}

test("a private chat accepts three messages at once, then one per second", async () => {
  await sendMany(chat, 3);

  await expect(api.sendMessage(chat.id, "fourth")).rejects.toMatchObject(tooMany(1));
  nowMs += 1_000;
  await sendMany(chat, 1);
  nowMs += 1_000;
  await sendMany(chat, 1);

  await expect(api.sendMessage(chat.id, "too soon")).rejects.toMatchObject(tooMany(1));
  expect(chat.limitCounts()).toEqual({ accepted: 5, refused: 2, insideWindow: 0 });
});

test("edits and chat actions count like sends; deletions do not count", async () => {
  const { message_id } = await api.sendMessage(chat.id, "one");
  await api.sendChatAction(chat.id, "typing");
  await api.editMessageText(chat.id, message_id, "two");

  await api.deleteMessage(chat.id, message_id);

  await expect(api.sendMessage(chat.id, "three")).rejects.toMatchObject(tooMany(1));
});

test("a call during a freeze is refused and extends the freeze", async () => {
  await sendMany(chat, 3);
  await expect(api.sendMessage(chat.id, "opens the window")).rejects.toMatchObject(tooMany(1));

  nowMs += 500;
  await expect(api.sendMessage(chat.id, "inside")).rejects.toMatchObject(tooMany(2));
  nowMs += 1_000;
  await expect(api.sendMessage(chat.id, "still inside")).rejects.toMatchObject(tooMany(2));

  expect(chat.limitCounts()).toEqual({ accepted: 3, refused: 3, insideWindow: 2 });
});

test("a group accepts 20 messages in any 60 seconds", async () => {
  const group = standIn.group({ title: "Shop", members: [standIn.person({ first_name: "Minh" })] });
  await sendMany(group, 10);
  nowMs += 30_000;
  await sendMany(group, 10);

  await expect(api.sendMessage(group.id, "21st")).rejects.toMatchObject(tooMany(30));
  nowMs += 30_000;
  await sendMany(group, 10);

  await expect(api.sendMessage(group.id, "31st")).rejects.toMatchObject(tooMany(30));
});

test("all chats together accept 30 messages per second", async () => {
  const chats = Array.from({ length: 11 }, startedChat);
  for (const each of chats.slice(0, 10)) await sendMany(each, 3);

  const last = chats.at(-1) ?? chat;
  await expect(api.sendMessage(last.id, "31st")).rejects.toMatchObject(tooMany(1));
  nowMs += 1_000;
  await sendMany(last, 3);

  expect(standIn.limitCounts()).toMatchObject({ accepted: 33, refused: 1 });
});

test("a frozen chat answers every call with 429 until the freeze ends; other chats are not affected", async () => {
  const other = startedChat();
  const { message_id } = await api.sendMessage(chat.id, "before");
  standIn.freeze(chat, 8);

  await expect(api.deleteMessage(chat.id, message_id)).rejects.toMatchObject(tooMany(8));
  nowMs += 7_999;
  await sendMany(other, 1);
  nowMs += 1;
  await api.deleteMessage(chat.id, message_id);
  standIn.freeze(chat, 8);
  await expect(api.getChat(chat.id)).rejects.toMatchObject(tooMany(8));

  expect(chat.botMessages()).toEqual([]);
  expect(chat.limitCounts()).toEqual({ accepted: 1, refused: 2, insideWindow: 0 });
});

test("a message has the injected clock's date, and the bot can delete it for 48 hours", async () => {
  const { message_id, date } = await api.sendMessage(chat.id, "x");
  nowMs += 48 * 3_600_000 + 1_000;

  await expect(api.deleteMessage(chat.id, message_id)).rejects.toMatchObject({ error_code: 400 });

  expect(date).toBe(Date.parse("2026-11-22T08:00:00Z") / 1_000);
});
