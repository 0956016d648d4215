import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StandInChat } from "../../src/sandbox/telegram/chat.ts";
import { createSandboxPage } from "../../src/sandbox/telegram/page.ts";
import { findRefusal } from "../../src/sandbox/telegram/page-guards.ts";
import type { PageEvent } from "../../src/sandbox/telegram/page-view.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../src/sandbox/telegram/stand-in.ts";

const TOKEN = "4242:secret";
let standIn: TelegramStandIn;
let api: Api;
let owner: StandInChat;
let server: Server;
let origin: string;

beforeEach(async () => {
  standIn = await createTelegramStandIn({ token: TOKEN, limits: "none" });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
  const people = ["owner", "barista"].map((key) => ({ key, label: key, person: standIn.person({ first_name: key }) }));
  owner = standIn.privateChat(people[0]?.person ?? standIn.person({ first_name: "owner" }));
  const page = createSandboxPage(standIn, { shopName: "Xi Pho", people, notices: ["Answers are scripted."] });
  server = createServer(async (request, response) => {
    if (!(await page(request, response))) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await standIn.close();
  server.close();
  server.closeAllConnections();
});

/** The status of a request with exactly these headers, some of which fetch would not send. */
function statusOf(path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const request = httpRequest(`${origin}${path}`, { method: options.method, headers: options.headers }, (response) => {
    response.resume();
    resolve(response.statusCode);
  });
  request.once("error", reject);
  request.end(options.body);
  return promise;
}

async function post(path: string, body: unknown) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${origin}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, answer: await response.json() };
}

/** Reads the stream until `isLast`; returns all events up to it. */
async function readEvents(response: Response, isLast: (event: PageEvent) => boolean): Promise<PageEvent[]> {
  const events: PageEvent[] = [];
  let rest = "";
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks.filter((each) => each.startsWith("data: "))) events.push(JSON.parse(block.slice(6)));
    if (events.some(isLast)) break;
  }
  return events;
}

test("the page, its style and its script are served under a strict policy; other paths are left alone", async () => {
  const responses = await Promise.all(
    ["/sandbox", "/sandbox/", "/sandbox/page.css", "/sandbox/page.js"].map((path) => fetch(origin + path)),
  );

  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  for (const { headers } of responses) expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await responses[0]?.text()).toContain("not Telegram");
  expect(await responses[3]?.text()).not.toContain("innerHTML");
  expect(await statusOf("/sandboxes")).toBe(418);
  expect(await statusOf("/sandbox/../package.json")).toBe(418);
  expect(await statusOf("/sandbox/nothing")).toBe(404);
});

test("the setup tells the shop, the people and the notices", async () => {
  const setup = await (await fetch(`${origin}/sandbox/setup`)).json();

  expect(setup).toMatchObject({
    shopName: "Xi Pho",
    notices: ["Answers are scripted."],
    people: [{ key: "owner", label: "owner" }, { key: "barista" }],
  });
});

test("who connects gets the chat as it is, then each change of it, and none of other chats", async () => {
  owner.send("hello");
  await api.sendMessage(owner.id, "first", { reply_markup: { keyboard: [["Yes", "No"]] } });
  const stream = await fetch(`${origin}/sandbox/events?chat=owner`);
  await post("/sandbox/send", { chat: "barista", text: "elsewhere" });
  await api.sendChatAction(owner.id, "typing");
  const { message_id } = await api.sendMessage(owner.id, "second", {
    entities: [{ type: "bold", offset: 0, length: 6 }],
  });
  await api.editMessageText(owner.id, message_id, "second, longer");
  await api.deleteMessage(owner.id, message_id);

  const events = await readEvents(stream, ({ kind }) => kind === "delete");

  expect(events).toMatchObject([
    { kind: "snapshot", messages: [{ text: "hello" }, { text: "first" }], keyboard: { rows: [["Yes", "No"]] } },
    { kind: "typing" },
    { kind: "message", message: { author: "bot", text: "second", entities: [{ type: "bold" }] } },
    { kind: "message", message: { id: message_id, text: "second, longer", isEdited: true } },
    { kind: "delete", messageId: message_id },
  ]);
});

test("who connects again gets what was missed with the snapshot", async () => {
  owner.send("hello");
  const first = await fetch(`${origin}/sandbox/events?chat=owner`);
  await readEvents(first, ({ kind }) => kind === "snapshot");
  await api.sendMessage(owner.id, "missed");

  const events = await readEvents(await fetch(`${origin}/sandbox/events?chat=owner`), () => true);

  expect(events[0]).toMatchObject({ kind: "snapshot", messages: [{ text: "hello" }, { text: "missed" }] });
});

test("a message and a press reach the bot, and its answer to the press comes back", async () => {
  await post("/sandbox/send", { chat: "owner", text: "/start" });
  const markup = { inline_keyboard: [[{ text: "Stop", callback_data: "stop" }]] };
  const { message_id } = await api.sendMessage(owner.id, "working", { reply_markup: markup });
  const stream = await fetch(`${origin}/sandbox/events?chat=owner`);

  const press = await post("/sandbox/press", { chat: "owner", messageId: message_id, data: "stop" });
  const updates = await api.getUpdates();
  await api.answerCallbackQuery(updates[1]?.callback_query?.id ?? "", { text: "Stopped" });

  expect(updates).toMatchObject([{ message: { text: "/start" } }, { callback_query: { data: "stop" } }]);
  const events = await readEvents(stream, ({ kind }) => kind === "answer");
  expect(events.at(-1)).toEqual({ kind: "answer", text: "Stopped", isAlert: false, ...press.answer });
});

test.each([
  ["an unknown chat", "/sandbox/send", { chat: "nobody", text: "x" }, 404],
  ["a missing field", "/sandbox/send", { chat: "owner" }, 400],
  ["an unknown field", "/sandbox/send", { chat: "owner", text: "x", as: "admin" }, 400],
  ["an empty text", "/sandbox/send", { chat: "owner", text: " " }, 409],
  ["a text over 4,096", "/sandbox/send", { chat: "owner", text: "x".repeat(4_097) }, 409],
  ["a button that is not shown", "/sandbox/press", { chat: "owner", messageId: 1, data: "x" }, 409],
  ["a body over 64 KB", "/sandbox/send", { chat: "owner", text: "x".repeat(70_000) }, 413],
])("%s is refused", async (_what, path, body, status) => {
  const refused = await post(path, body);

  expect(refused).toEqual({ status, answer: { error: expect.any(String) } });
  expect(standIn.pendingUpdates()).toEqual([]);
});

test("a foreign name that points here is not served, whatever it asks for", async () => {
  const foreign = { host: "evil.example:4000" };
  const body = JSON.stringify({ chat: "owner", text: "x" });
  const headers = { ...foreign, "content-type": "application/json" };

  const statuses = await Promise.all([
    statusOf("/sandbox", { headers: foreign }),
    statusOf("/sandbox/events?chat=owner", { headers: { host: "127.0.0.1.evil.example" } }),
    statusOf("/sandbox/send", { method: "POST", headers, body }),
  ]);

  expect(statuses).toEqual([403, 403, 403]);
  expect(await statusOf("/sandbox", { headers: { host: "localhost:4000" } })).toBe(200);
  expect(await statusOf("/sandbox", { headers: { host: "[::1]:4000" } })).toBe(200);
});

test("another site's page cannot write through the visitor's browser", async () => {
  const body = JSON.stringify({ chat: "owner", text: "x" });
  const json = { "content-type": "application/json" };
  const asSite = (headers: Record<string, string>) => statusOf("/sandbox/send", { method: "POST", headers, body });

  expect(await asSite({ ...json, origin: "https://evil.example" })).toBe(403);
  expect(await asSite({ ...json, origin: "null" })).toBe(403);
  expect(await asSite({ ...json, "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await asSite({ "content-type": "text/plain" })).toBe(415);
  expect(await statusOf("/sandbox/send", { method: "PUT", headers: json, body })).toBe(405);
  expect(owner.messages()).toEqual([]);
  expect(await asSite({ ...json, origin })).toBe(200);
});

test.each([
  ["127.0.0.1", undefined],
  ["127.8.0.1", undefined],
  ["::1", undefined],
  ["::ffff:127.0.0.1", undefined],
  ["192.0.2.7", 403],
  ["::ffff:192.0.2.7", 403],
  ["2001:db8::1", 403],
  [undefined, 403],
])("a visitor from %s is judged by where they are, whatever Host they name", (remoteAddress, status) => {
  const refusal = findRefusal({ method: "GET", headers: { host: "localhost" }, socket: { remoteAddress } });

  expect(refusal?.status).toBe(status);
});
