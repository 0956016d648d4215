import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Api, Bot } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";

const TOKEN = "4242:secret";
let standIn: TelegramStandIn;
let api: Api;
let chat: StandInChat;
const servers: Server[] = [];

beforeEach(async () => {
  standIn = await createTelegramStandIn({ token: TOKEN, limits: "none", webhookRetryMs: 1 });
  api = new Api(TOKEN, { apiRoot: standIn.apiRoot });
  chat = standIn.privateChat(standIn.person({ first_name: "Hoa" }));
});

afterEach(async () => {
  await standIn.close();
  for (const server of servers.splice(0)) server.close();
});

/** Resolves when a getUpdates call waits in the stand-in. */
function pollIsWaiting(count = 1) {
  return standIn.waitFor(
    () => standIn.calls().filter(({ method, outcome }) => method === "getUpdates" && !outcome).length >= count,
  );
}

test("an update is returned again until a higher offset confirms it", async () => {
  chat.send("one");
  chat.send("two");

  const first = await api.getUpdates();
  const again = await api.getUpdates({ limit: 1 });
  const rest = await api.getUpdates({ offset: (first[0]?.update_id ?? 0) + 1 });

  expect(first.map(({ message }) => message?.text)).toEqual(["one", "two"]);
  expect(again).toEqual(first.slice(0, 1));
  expect(rest).toEqual(first.slice(1));
  expect(standIn.pendingUpdates()).toEqual(rest);
});

test("a negative offset keeps only the newest updates and drops the others", async () => {
  for (const text of ["one", "two", "three"]) chat.send(text);

  const newest = await api.getUpdates({ offset: -1 });

  expect(newest.map(({ message }) => message?.text)).toEqual(["three"]);
  expect(standIn.pendingUpdates()).toEqual(newest);
});

test("a long poll returns as soon as there is an update", async () => {
  const polling = api.getUpdates({ timeout: 50 });
  await pollIsWaiting();

  chat.send("at last");

  expect((await polling).map(({ message }) => message?.text)).toEqual(["at last"]);
});

test("a second poller ends the first one's call with 409", async () => {
  const first = api.getUpdates({ timeout: 50 });
  const firstEnds = expect(first).rejects.toMatchObject({
    error_code: 409,
    description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
  });
  await pollIsWaiting();

  const second = api.getUpdates({ timeout: 50 });
  await firstEnds;
  chat.send("hello");

  expect(await second).toHaveLength(1);
});

test("a client that disconnects while waiting loses no updates", async () => {
  const leaving = new AbortController();
  const left = fetch(`${standIn.apiRoot}/bot${TOKEN}/getUpdates?timeout=50`, { signal: leaving.signal });
  const leftEnds = expect(left).rejects.toThrow();
  await pollIsWaiting();
  leaving.abort();
  await leftEnds;
  await standIn.waitFor(() => standIn.calls()[0]?.outcome?.kind === "abandoned");

  chat.send("hello");

  expect(await api.getUpdates()).toHaveLength(1);
});

test("only allowed update kinds are queued, and allowed_updates is remembered until changed", async () => {
  chat.send("/start");
  await api.getUpdates({ offset: -1, allowed_updates: ["my_chat_member"] });
  await api.getUpdates({ offset: 2_000_000_000 });

  chat.send("not asked for");
  chat.block();

  expect((await api.getUpdates()).map((update) => Object.keys(update).sort())).toEqual([
    ["my_chat_member", "update_id"],
  ]);
});

test("closing ends a waiting poll", async () => {
  const polling = api.getUpdates({ timeout: 50 });
  const ended = expect(polling).rejects.toThrow();
  await pollIsWaiting();

  await standIn.close();

  await ended;
});

interface Delivery {
  secret: string | undefined;
  body: { update_id: number; message?: { text?: string } };
}

/** A webhook that answers with `answer` if given, else with these statuses in turn and then 200. */
async function startWebhook(
  statuses: number[],
  answer: (delivery: Delivery) => Promise<number | undefined> = async () => undefined,
) {
  const deliveries: Delivery[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const secret = request.headers["x-telegram-bot-api-secret-token"]?.toString();
    const delivery: Delivery = { secret, body: JSON.parse(Buffer.concat(chunks).toString()) };
    deliveries.push(delivery);
    response.writeHead((await answer(delivery)) ?? statuses.shift() ?? 200).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, deliveries };
}

test("a webhook gets updates in order and with the secret, each retried until a 2xx", async () => {
  const { url, deliveries } = await startWebhook([500, 503]);
  chat.send("one");
  await api.setWebhook(url, { secret_token: "s3cret" });
  chat.send("two");

  await standIn.waitFor(() => standIn.pendingUpdates().length === 0);

  expect(deliveries.map(({ body }) => body.message?.text)).toEqual(["one", "one", "one", "two"]);
  expect(new Set(deliveries.map(({ secret }) => secret))).toEqual(new Set(["s3cret"]));
  expect(await api.getWebhookInfo()).toMatchObject({ url, last_error_message: expect.stringContaining("503") });
});

test("a webhook gets updates of different chats in parallel, and those of one chat in sequence", async () => {
  const release = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const { url, deliveries } = await startWebhook([], async ({ body }) => {
    if (body.message?.text === "b1") second.resolve();
    await release.promise;
    return undefined;
  });
  const other = standIn.privateChat(standIn.person({ first_name: "Binh" }));
  chat.send("a1");
  chat.send("a2");
  other.send("b1");

  await api.setWebhook(url);
  await second.promise;
  const inParallel = deliveries.map(({ body }) => body.message?.text);
  const unconfirmed = standIn.pendingUpdates().length;
  release.resolve();
  await standIn.waitFor(() => standIn.pendingUpdates().length === 0);

  expect(inParallel.sort()).toEqual(["a1", "b1"]);
  expect(unconfirmed).toBe(3);
  expect(deliveries.at(-1)?.body.message?.text).toBe("a2");
});

test("a webhook never gets more updates at once than max_connections", async () => {
  let open = 0;
  let most = 0;
  const { url, deliveries } = await startWebhook([500, 500], async () => {
    most = Math.max(most, ++open);
    await new Promise(setImmediate);
    open -= 1;
    return undefined;
  });
  for (let count = 0; count < 9; count++) standIn.privateChat(standIn.person({ first_name: "An" })).send("hello");

  await api.setWebhook(url, { max_connections: 2 });
  await standIn.waitFor(() => standIn.pendingUpdates().length === 0);

  expect(most).toBe(2);
  expect(deliveries).toHaveLength(11);
});

test("a failed webhook delivery delays only its own chat", async () => {
  const other = standIn.privateChat(standIn.person({ first_name: "Binh" }));
  const taken = Promise.withResolvers<void>();
  const { url, deliveries } = await startWebhook([], async ({ body }) => {
    if (body.message?.text === "b1") taken.resolve();
    if (body.message?.text !== "a1" || deliveries.length > 2) return undefined;
    await taken.promise;
    return 500;
  });
  chat.send("a1");
  chat.send("a2");
  other.send("b1");

  await api.setWebhook(url);
  await standIn.waitFor(() => standIn.pendingUpdates().length === 0);

  const texts = deliveries.map(({ body }) => body.message?.text);
  expect(texts.filter((text) => text?.startsWith("a"))).toEqual(["a1", "a1", "a2"]);
});

test("long polling and a webhook exclude each other", async () => {
  const { url } = await startWebhook([]);
  const polling = api.getUpdates({ timeout: 50 });
  const pollingEnds = expect(polling).rejects.toMatchObject({
    description: "Conflict: terminated by setWebhook request",
  });
  await pollIsWaiting();

  await api.setWebhook(url);
  await pollingEnds;

  await expect(api.getUpdates()).rejects.toMatchObject({
    error_code: 409,
    description: expect.stringContaining("can't use getUpdates method while webhook is active"),
  });
  await api.deleteWebhook({ drop_pending_updates: true });
  expect(await api.getUpdates()).toEqual([]);
});

test("a webhook on another machine is refused", async () => {
  await expect(api.setWebhook("https://example.com/hook")).rejects.toMatchObject({ error_code: 400 });
});

test("a grammY bot runs against the stand-in", async () => {
  const bot = new Bot(TOKEN, { client: { apiRoot: standIn.apiRoot } });
  bot.command("start", (ctx) => ctx.reply(`Welcome, ${ctx.from?.first_name}`));
  const running = bot.start();

  chat.send("/start");
  const answer = await chat.waitForBotMessage(/^Welcome/);
  await bot.stop();
  await running;

  expect(answer.text).toBe("Welcome, Hoa");
});
