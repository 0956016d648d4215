import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Update } from "@grammyjs/types";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { RecordedCall } from "../../../sandbox/telegram/world/call-log.ts";
import type { TelegramBot, TelegramBotDeps } from "../../../src/bot/bot.ts";
import type { Clock } from "../../../src/bot/budget/clock.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { invites } from "../../../src/db/schema/index.ts";
import { StartupError } from "../../../src/errors.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../support/database.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { takeLastingLock } from "../../support/worker-lock.ts";
import { allHandled, staffPerson } from "../bot-support.ts";
import {
  BOT_TOKEN,
  callTelegram,
  closeDatabaseToEveryone,
  conversationsIn,
  createIntakeBot,
  identityOf,
  openDatabaseAgain,
  recordLog,
  unusedPort,
} from "./intake-support.ts";

const texts = textsIn("en");
let telegram: TelegramStandIn;
let database: TestDatabase;
let bots: TelegramBot[] = [];

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN });
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const bot of bots) {
    await bot.stopIntake();
    await bot.stop(0);
  }
  bots = [];
  await telegram.close();
  await database.close();
});

test("updates that are delivered again to the next process change nothing", async () => {
  const chat = await staffChat();
  telegram.failNext(
    ({ method, params }) => method === "getUpdates" && params.offset !== 0,
    { kind: "drop-before" },
    99,
  );
  const first = await createBot();
  const log = recordLog();
  const second = await createBot({ logger: log.logger });
  chat.send("one");
  chat.send("/new");
  chat.send("two");

  first.start();
  await telegram.waitFor(() => telegram.calls().some(({ outcome }) => outcome?.kind === "dropped"));
  await chat.waitForBotMessage(texts.newThread);
  const before = await conversationsIn(database);
  await first.stopIntake();
  second.start();
  await log.waitForLine(({ msg }) => msg === "update seen before", 2);

  expect(before.threads).toHaveLength(2);
  expect(before.runs.map(({ stopRequestedAt }) => stopRequestedAt === null)).toEqual([false, true]);
  expect(await conversationsIn(database)).toEqual(before);
  expect(telegram.pendingUpdates()).toHaveLength(3);
});

test("a repeated delivery of /invite makes one invite", async () => {
  const owner = telegram.privateChat(await staffPerson({ telegram, test: database }, "owner", { first_name: "An" }));
  telegram.failNext(
    ({ method, params }) => method === "getUpdates" && params.offset !== 0,
    { kind: "drop-before" },
    99,
  );
  const [first, second] = [await createBot(), await createBot()];
  owner.send("/invite staff");

  first.start();
  await owner.waitForBotMessage(/\?start=/);
  await first.stopIntake();
  owner.send("/help");
  second.start();
  await owner.waitForBotMessage(texts.help + texts.ownerHelp);

  expect(await database.db.$count(invites)).toBe(1);
  expect(owner.botMessages().filter(({ text }) => text?.includes("?start="))).toHaveLength(1);
});

test("an update in progress at shutdown is committed and confirmed: the next process does not get it again", async () => {
  const chat = await staffChat();
  const release = await holdLocks(database.db, (tx) => tx.execute(sql`lock table threads in access exclusive mode`));
  chat.send("one");
  const bot = await start();
  // The handler waits for the table inside its transaction; the query for waiting replies may wait for it too.
  const waiting = sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%next_position%'
    and datname = current_database()`;
  await expect.poll(async () => (await database.db.execute(waiting)).length).toBe(1);

  const stopping = bot.stopIntake();
  await release();
  await stopping;

  expect((await conversationsIn(database)).texts).toEqual(["one"]);
  expect(telegram.pendingUpdates()).toEqual([]);
});

test("a lost answer of Telegram is fetched again, and no update is lost", async () => {
  const chat = await staffChat();
  telegram.failNext("getUpdates", { kind: "drop-after" }, 2);
  chat.send("one");
  chat.send("two");

  await start();
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["one", "two"]);
});

test.for([1e30, 2 ** 31 - 1, -1, 0.5, "7", null, undefined])(
  "an update with the id %j is left out of its batch, and the others are stored",
  async (id) => {
    const chat = await staffChat();
    const log = recordLog();
    chat.send("one");
    const result = [null, "words", ...telegram.pendingUpdates(), { update_id: id, message: { text: "odd words" } }];
    telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result } });

    await start({ logger: log.logger });
    await polls(2);
    chat.send("two");
    await allHandled({ telegram });

    expect((await conversationsIn(database)).texts).toEqual(["one", "two"]);
    expect(log.lines.filter(({ level }) => level >= 40)).toEqual([
      expect.objectContaining({ level: 50, count: 3, msg: "invalid updates left out" }),
    ]);
    expect(JSON.stringify(log.lines)).not.toContain("words");
  },
);

test.for([[[null]], [[{ update_id: -1 }, {}]], [{}], [null]])(
  "after an answer without a valid update, %j, the bot pauses as after a failure",
  async ([result]) => {
    const chat = await staffChat();
    const log = recordLog();
    telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result } }, 2);
    chat.send("one");

    await start({ logger: log.logger });
    await allHandled({ telegram });

    expect((await conversationsIn(database)).texts).toEqual(["one"]);
    const pauses = log.lines.filter(({ msg }) => msg === "could not fetch updates: trying again");
    expect(pauses).toMatchObject([{ failures: 1 }, { failures: 2 }]);
    expect(log.lines.filter(({ msg }) => msg === "Telegram answers again")).toHaveLength(1);
  },
);

test("a server that answers at once and empty is asked once a second, and the next question is answered", async () => {
  const chat = await staffChat();
  const { clock, waits, advance } = recordWaits();
  telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result: [] } }, 3);
  await start({ pollClock: clock });

  for (const count of [1, 2, 3]) {
    await expect.poll(() => waits.length).toBe(count);
    expect(fetches()).toHaveLength(count);
    await advance();
  }
  chat.send("one");
  await allHandled({ telegram });

  expect(waits).toEqual([1_000, 1_000, 1_000]);
  expect((await conversationsIn(database)).texts).toEqual(["one"]);
});

test("a server that sends the same updates for ever is asked once a second, and they are stored once", async () => {
  const chat = await staffChat();
  const { clock, waits, advance } = recordWaits();
  chat.send("one");
  chat.send("two");
  const result = telegram.pendingUpdates();
  telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result } }, 3);
  await start({ pollClock: clock });

  await expect.poll(() => waits.length).toBe(1);
  expect(fetches()).toHaveLength(2);
  await advance();
  await expect.poll(() => waits.length).toBe(2);
  expect(fetches()).toHaveLength(3);
  await advance();
  chat.send("three");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["one", "two", "three"]);
});

test("a batch out of order is processed by its ids, and nothing of it is delivered again", async () => {
  const chat = await staffChat();
  chat.send("one");
  chat.send("two");
  const result = telegram.pendingUpdates().toReversed();
  telegram.failNext("getUpdates", { kind: "http", status: 200, body: { ok: true, result } });

  await start();
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["one", "two"]);
  expect(fetches()[1]?.params.offset).toBe((result[0]?.update_id ?? 0) + 1);
});

test("polling resumes after errors of Telegram's server and of the network", async () => {
  const chat = await staffChat();
  const log = recordLog();
  telegram.failNext("getUpdates", { kind: "http", status: 502, body: "<html><h1>502 Bad Gateway</h1></html>" });
  telegram.failNext("getUpdates", { kind: "http", status: 500, body: refusal(500, "Internal Server Error") });
  telegram.failNext("getUpdates", { kind: "drop-before" });
  chat.send("still there?");

  await start({ logger: log.logger });
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["still there?"]);
  expect(log.lines.filter(({ msg }) => msg === "could not fetch updates: trying again")).toHaveLength(3);
  expect(log.lines.map(({ msg }) => msg)).toContain("Telegram answers again");
  expect(JSON.stringify(log.lines)).not.toContain(BOT_TOKEN);
});

test("another poller with the same token is reported once, and polling resumes when it stops", async () => {
  const chat = await staffChat();
  const log = recordLog();
  await start({ logger: log.logger });
  await polls(1);
  await otherProcessPolls();
  await polls(2);
  await otherProcessPolls();
  await polls(3);

  chat.send("and now?");
  await allHandled({ telegram });

  const errors = log.lines.filter(({ level }) => level >= 50);
  expect(errors.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/^Another program is polling with this TELEGRAM_BOT_TOKEN \(409\).*stop the other program/),
  ]);
  expect((await conversationsIn(database)).texts).toEqual(["and now?"]);
});

test("a webhook that was set before is removed", async () => {
  const chat = await staffChat();
  await callTelegram(telegram, "setWebhook", { url: `http://127.0.0.1:${await unusedPort()}/` });

  await start();
  await telegram.waitFor(() =>
    telegram.calls().some(({ method, outcome }) => method === "deleteWebhook" && outcome?.kind === "ok"),
  );
  chat.send("hello");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["hello"]);
});

test("a webhook that another program sets while the bot polls is reported once and removed", async () => {
  const chat = await staffChat();
  const log = recordLog();
  await start({ logger: log.logger });
  await polls(1);

  await callTelegram(telegram, "setWebhook", { url: `http://127.0.0.1:${await unusedPort()}/` });
  chat.send("hello?");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["hello?"]);
  expect(log.lines.filter(({ level }) => level >= 50).map(({ msg }) => msg)).toEqual([
    expect.stringMatching(
      /^Another program set a webhook with this TELEGRAM_BOT_TOKEN \(409\).*This process removes it/,
    ),
  ]);
});

test("a webhook that is set before the bot's next call is removed too", async () => {
  const chat = await staffChat();
  const url = `http://127.0.0.1:${await unusedPort()}/`;
  const answer = Promise.withResolvers<void>();
  await start();
  await polls(1);
  telegram.failNext("getUpdates", { kind: "delay", until: answer.promise });
  chat.send("one");
  await telegram.waitFor(() => fetches().length === 2);

  await callTelegram(telegram, "setWebhook", { url });
  answer.resolve();
  chat.send("two");
  await allHandled({ telegram });
  const refused = fetches().flatMap(({ outcome }) => (outcome?.kind === "refused" ? [outcome.description] : []));

  expect(refused).toEqual([expect.stringMatching(/while webhook is active/)]);
  expect((await conversationsIn(database)).texts).toEqual(["one", "two"]);
});

test.each([
  [401, "Unauthorized"],
  [404, "Not Found"],
])(
  "a token that Telegram refuses while running (%i) ends the process with one message",
  async (status, description) => {
    const refused = Promise.withResolvers<StartupError>();
    telegram.failNext("getUpdates", { kind: "http", status, body: refusal(status, description) });

    await start({ onRefused: refused.resolve });
    const error = await refused.promise;

    expect(error).toBeInstanceOf(StartupError);
    expect(error.message).toMatch(/^Telegram refuses TELEGRAM_BOT_TOKEN: .*@BotFather/);
    expect(telegram.calls().filter(({ method }) => method === "getUpdates")).toHaveLength(1);
  },
);

test("a message during a database outage is committed afterwards", async () => {
  const chat = await staffChat();
  const log = recordLog();
  let lock = await takeLastingLock(database.database, telegram.bot.id);
  const bot = await start({ logger: log.logger, worker: identityOf(() => lock.workerId) });

  await closeDatabaseToEveryone(database);
  bot.loseAll();
  chat.send("keep this");
  chat.send("and this");
  await log.waitForLine(({ msg }) => msg === "could not claim the polling: trying again", 2);
  const unconfirmed = telegram.pendingUpdates().map(({ message }) => message?.text);
  await openDatabaseAgain(database);
  // As its worker does.
  lock = await takeLastingLock(database.database, telegram.bot.id);
  await allHandled({ telegram });

  expect(unconfirmed).toEqual(["keep this", "and this"]);
  expect((await conversationsIn(database)).texts).toEqual(["keep this", "and this"]);
  expect(JSON.stringify(log.lines)).not.toContain("keep this");
});

test("an update that always fails because of our code is skipped, and the next ones are stored", async () => {
  const chat = await staffChat();
  const log = recordLog();
  await onDatabase("alter table messages add constraint no_poison check (text <> 'poison')");
  await start({ logger: log.logger });

  chat.send("poison");
  chat.send("after it");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["after it"]);
  expect(log.lines.filter(({ msg }) => msg === "update skipped: it failed every time")).toHaveLength(1);
});

test("a stop during a batch waits for the update in progress and skips none", async () => {
  const chat = await staffChat();
  for (const text of ["one", "two", "three"]) chat.send(text);
  const bot = await start();

  await telegram.waitFor(() =>
    telegram.calls().some(({ outcome }) => outcome?.kind === "ok" && hasUpdates(outcome.result)),
  );
  await bot.stopIntake();
  const taken = (await conversationsIn(database)).texts;
  const left = telegram.pendingUpdates().map(({ message }) => message?.text);
  await start();
  await allHandled({ telegram });

  expect([...new Set([...taken, ...left])]).toEqual(["one", "two", "three"]);
  expect((await conversationsIn(database)).texts).toEqual(["one", "two", "three"]);
});

test("a wrong token is one message at start, without the token", async () => {
  const token = "7123456789:a-token-of-nobody-that-is-long-enough";

  const failure = await createBot({}, { token }).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(String(failure)).toMatch(/Telegram refuses TELEGRAM_BOT_TOKEN/);
  expect(String(failure)).not.toMatch(/a-token-of-nobody|\n/);
});

test("an unreachable Telegram is one message that names TELEGRAM_PROXY, without the token", async () => {
  const port = await unusedPort();

  const failure = await createBot({}, { apiRoot: `http://127.0.0.1:${port}` }).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(String(failure)).toMatch(
    /Cannot reach Telegram at http:\/\/127.0.0.1:\d+: .*set TELEGRAM_PROXY to an HTTP or SOCKS proxy/,
  );
  expect(String(failure)).not.toContain(BOT_TOKEN);
});

test("a Telegram that asks for a long wait at start fails the start, with its reason", async () => {
  const asksToWait = { retry_after: 3_600 };
  telegram.failNext(
    "getMe",
    {
      kind: "http",
      status: 429,
      body: { ...refusal(429, "Too Many Requests: retry after 3600"), parameters: asksToWait },
    },
    9,
  );

  const failure = await createBot().catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(String(failure)).toContain("Too Many Requests: retry after 3600");
  expect(telegram.calls().filter(({ method }) => method === "getMe")).toHaveLength(1);
});

test("a short failure of Telegram at start is retried", async () => {
  telegram.failNext("getMe", { kind: "http", status: 502, body: "<html>Bad Gateway</html>" });

  const bot = await createBot();

  expect(bot.me.username).toBe(telegram.bot.username);
});

test("a proxy that is down is named, without its password", async () => {
  const proxy = `http://shop:hush@127.0.0.1:${await unusedPort()}`;

  const failure = await createBot({}, { proxy }).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(String(failure)).toMatch(/through TELEGRAM_PROXY: is the proxy running\?/);
  expect(String(failure)).not.toContain("hush");
});

test("with TELEGRAM_PROXY every call goes through the proxy, over kept-alive connections", async () => {
  const proxy = await startProxy();
  const chat = await staffChat();
  const bot = await createBot({}, { proxy: proxy.address });

  bot.start();
  chat.send("/help");
  await chat.waitForBotMessage(texts.help);
  chat.send("/start");
  await chat.waitForBotMessage(/^Hello/);
  await bot.stopIntake();
  await proxy.close();

  expect(new Set(proxy.targets)).toEqual(new Set([new URL(telegram.apiRoot).host]));
  expect(telegram.calls().length).toBeGreaterThan(proxy.targets.length);
});

async function createBot(
  deps: Partial<TelegramBotDeps> = {},
  connection: { token?: string; apiRoot?: string; proxy?: string } = {},
): Promise<TelegramBot> {
  const access = { token: BOT_TOKEN, apiRoot: telegram.apiRoot, proxy: null, ...connection };
  const bot = await createIntakeBot({ telegram, database: database.database }, { telegram: access, ...deps });
  bots.push(bot);
  return bot;
}

async function start(deps: Partial<TelegramBotDeps> = {}): Promise<TelegramBot> {
  const bot = await createBot(deps);
  bot.start();
  return bot;
}

async function staffChat() {
  return telegram.privateChat(await staffPerson({ telegram, test: database }, "staff", { first_name: "An" }));
}

/** A clock that stands still, and the pauses between polls that wait on it. */
function recordWaits() {
  const fake = createFakeClock();
  const waits: number[] = [];
  const clock: Clock = {
    now: fake.now,
    after(delayMs, callback) {
      waits.push(delayMs);
      return fake.after(delayMs, callback);
    },
  };
  return { clock, waits, advance: () => fake.advance(1_000) };
}

/** Settles when the bot waits in its long poll number `count`. */
async function polls(count: number): Promise<void> {
  await telegram.waitFor(() => {
    const calls = fetches();
    return calls.length === count && calls.at(-1)?.outcome === undefined;
  });
}

function fetches(): RecordedCall[] {
  return telegram.calls().filter(({ method, params }) => method === "getUpdates" && params.timeout !== 0);
}

async function otherProcessPolls(): Promise<void> {
  await callTelegram(telegram, "getUpdates", { timeout: 0 });
}

function refusal(error_code: number, description: string) {
  return { ok: false, error_code, description };
}

function hasUpdates(result: unknown): result is Update[] {
  return Array.isArray(result) && result.length > 0;
}

async function onDatabase(statement: string): Promise<void> {
  await database.db.execute(statement);
}

/** An HTTP proxy that only knows CONNECT, and records each connection that it opens. */
async function startProxy() {
  const targets: string[] = [];
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on("connect", ({ url = "" }, client) => {
    targets.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const upstream = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.pipe(client);
      client.pipe(upstream);
    });
    upstream.on("error", () => client.destroy());
    client.on("error", () => upstream.destroy());
    client.on("close", () => upstream.destroy());
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
