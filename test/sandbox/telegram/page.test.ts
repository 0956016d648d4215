import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSandboxPage } from "../../../sandbox/telegram/page/page.ts";
import type { PageEvent } from "../../../sandbox/telegram/page/page-view.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";

const TOKEN = "4242:secret";
const KEY = "a-key-of-the-page";
let standIn: TelegramStandIn;
let api: Api;
let owner: StandInChat;
let server: Server;
let origin: string;
/** The cookie of a browser that opened the page with its key. */
let cookie: string;

beforeEach(async () => {
  standIn = await createTelegramStandIn({ token: TOKEN, limits: "none" });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
  const people = ["owner", "barista"].map((key) => ({ key, label: key, person: standIn.person({ first_name: key }) }));
  owner = standIn.privateChat(people[0]?.person ?? standIn.person({ first_name: "owner" }));
  const notices = ["Answers are scripted."];
  const page = createSandboxPage(standIn, { shopName: "Xi Pho", people, key: KEY, notices });
  server = createServer(async (request, response) => {
    if (!(await page(request, response, request.url?.split("?")[0] ?? ""))) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  origin = `http://127.0.0.1:${port}`;
  cookie = `counterhand-sandbox-${port}=${KEY}`;
});

afterEach(async () => {
  await standIn.close();
  server.close();
  server.closeAllConnections();
});

/** The status of a request with exactly these headers. `fetch` would not send some of them. */
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

function visit(path: string): Promise<Response> {
  return fetch(origin + path, { headers: { cookie } });
}

async function post(path: string, body: unknown) {
  const headers = { "content-type": "application/json", cookie };
  const response = await fetch(`${origin}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, answer: await response.json() };
}

/** Reads the stream until `isLast` matches. Returns all events up to this one. */
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

test("the page and every file that it loads are served under a strict policy; other paths are not handled", async () => {
  const page = await visit("/sandbox");
  const html = await page.text();
  const linked = [...html.matchAll(/(?:href|src)="(\/sandbox\/[\w.]+)"/g)].map(([, path = ""]) => path);
  const responses = [page, ...(await loadAll(linked))];

  expect(html).toContain("not Telegram");
  expect(responses.length).toBeGreaterThan(linked.length + 1);
  for (const { status, headers } of responses) {
    expect(status).toBe(200);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  }
  for (const response of responses.slice(1)) expect(await response.text()).not.toContain("innerHTML");
  expect(await statusOf("/sandboxes")).toBe(418);
  expect(await statusOf("/sandbox/../package.json")).toBe(418);
  const headers = { cookie };
  expect(await statusOf("/sandbox/nothing", { headers })).toBe(404);
  expect(await statusOf("/sandbox/", { headers })).toBe(404);
  expect(await statusOf("//x/sandbox/setup", { headers })).toBe(418);
  expect(await statusOf("/sandbox/%73etup", { headers })).toBe(404);
});

/** Loads these files and the modules that they import. */
async function loadAll(paths: readonly string[]): Promise<Response[]> {
  const loaded = new Map<string, Response>();
  const load = async (path: string): Promise<void> => {
    if (loaded.has(path)) return;
    const response = await visit(path);
    loaded.set(path, response);
    const imports = [...(await response.clone().text()).matchAll(/from "\.\/([\w.]+)"/g)];
    for (const [, name] of imports) await load(`/sandbox/${name}`);
  };
  for (const path of paths) await load(path);
  return [...loaded.values()];
}

test("the setup has the shop's name, the people and the notices", async () => {
  const setup = await (await visit(`/sandbox/setup`)).json();

  expect(setup).toMatchObject({
    shopName: "Xi Pho",
    notices: ["Answers are scripted."],
    people: [{ key: "owner", label: "owner" }, { key: "barista" }],
  });
});

test("a connecting browser gets a snapshot of the chat, then each of its changes, and none of other chats", async () => {
  owner.send("hello");
  await api.sendMessage(owner.id, "first", { reply_markup: { keyboard: [["Yes", "No"]] } });
  const stream = await visit(`/sandbox/events?chat=owner`);
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

test("a reconnecting browser gets missed messages with the snapshot", async () => {
  owner.send("hello");
  const first = await visit(`/sandbox/events?chat=owner`);
  await readEvents(first, ({ kind }) => kind === "snapshot");
  await api.sendMessage(owner.id, "missed");

  const events = await readEvents(await visit(`/sandbox/events?chat=owner`), () => true);

  expect(events[0]).toMatchObject({ kind: "snapshot", messages: [{ text: "hello" }, { text: "missed" }] });
});

test("a message and a button press reach the bot, and the page gets the bot's answer to the press", async () => {
  await post("/sandbox/send", { chat: "owner", text: "/start" });
  const markup = { inline_keyboard: [[{ text: "Stop", callback_data: "stop" }]] };
  const { message_id } = await api.sendMessage(owner.id, "working", { reply_markup: markup });
  const stream = await visit(`/sandbox/events?chat=owner`);

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

test("a request with a foreign host name is refused on every path", async () => {
  const foreign = { host: "evil.example:4000", cookie };
  const body = JSON.stringify({ chat: "owner", text: "x" });
  const headers = { ...foreign, "content-type": "application/json" };

  const statuses = await Promise.all([
    statusOf("/sandbox", { headers: foreign }),
    statusOf("/sandbox/events?chat=owner", { headers: { host: "127.0.0.1.evil.example", cookie } }),
    statusOf("/sandbox/send", { method: "POST", headers, body }),
  ]);

  expect(statuses).toEqual([403, 403, 403]);
  expect(await statusOf("/sandbox", { headers: { host: "localhost:4000", cookie } })).toBe(200);
  expect(await statusOf("/sandbox", { headers: { host: "[::1]:4000", cookie } })).toBe(200);
});

test("another site's page cannot write through the visitor's browser", async () => {
  const body = JSON.stringify({ chat: "owner", text: "x" });
  const json = { "content-type": "application/json", cookie };
  const asSite = (headers: Record<string, string>) => statusOf("/sandbox/send", { method: "POST", headers, body });

  expect(await asSite({ ...json, origin: "https://evil.example" })).toBe(403);
  expect(await asSite({ ...json, origin: "null" })).toBe(403);
  expect(await asSite({ ...json, "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await asSite({ "content-type": "text/plain", cookie })).toBe(415);
  expect(await statusOf("/sandbox/send", { method: "PUT", headers: json, body })).toBe(405);
  expect(owner.messages()).toEqual([]);
  expect(await asSite({ ...json, origin })).toBe(200);
});

test("the link from the log opens the page and sets a cookie that scripts and other sites cannot use", async () => {
  const page = await fetch(`${origin}/sandbox?key=${KEY}`);

  expect(page.status).toBe(200);
  expect(page.headers.get("set-cookie")).toBe(`${cookie}; HttpOnly; SameSite=Strict; Path=/sandbox`);
});

test.each(["/sandbox", "/sandbox/page.js", "/sandbox/setup", "/sandbox/events?chat=owner", "/sandbox/nothing"])(
  "without the key %s is refused from every address",
  async (path) => {
    const wrong = `counterhand-sandbox-${new URL(origin).port}`;

    expect(await statusOf(path)).toBe(401);
    expect(await statusOf(path, { headers: { cookie: `${wrong}=another-key` } })).toBe(401);
    expect(await statusOf(path, { headers: { cookie: `other=${KEY}` } })).toBe(401);
    expect(await statusOf(`${path}${path.includes("?") ? "&" : "?"}key=another`)).toBe(401);
    // A proxy's header for a local client changes nothing.
    expect(await statusOf(path, { headers: { "x-forwarded-for": "127.0.0.1" } })).toBe(401);
  },
);

test("the key in a link is not enough to send a message", async () => {
  const body = JSON.stringify({ chat: "owner", text: "x" });
  const headers = { "content-type": "application/json" };

  expect(await statusOf(`/sandbox/send?key=${KEY}`, { method: "POST", headers, body })).toBe(401);
  expect(owner.messages()).toEqual([]);
});

test("a cookie of the same name set by another page on this host does not lock out the visitor", async () => {
  const planted = `counterhand-sandbox-${new URL(origin).port}=planted; ${cookie}`;

  expect(await statusOf("/sandbox", { headers: { cookie: planted } })).toBe(200);
});

test("guessing keys is rate-limited", async () => {
  const statuses = [];
  for (let tried = 0; tried < 40; tried++) statuses.push(await statusOf(`/sandbox?key=guess-${tried}`));

  expect(statuses[0]).toBe(401);
  expect(statuses.at(-1)).toBe(429);
  expect(await statusOf("/sandbox", { headers: { host: "evil.example" } })).toBe(429);
  expect(await statusOf("/sandbox", { headers: { cookie } })).toBe(200);
});
