import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { TelegramBot, TelegramBotDeps } from "../../../src/bot/bot.ts";
import { connectDatabase, type Database } from "../../../src/db/client.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../support/database.ts";
import { takeLastingLock } from "../../support/worker-lock.ts";
import { allHandled, staffPerson } from "../bot-support.ts";
import { BOT_TOKEN, conversationsIn, createIntakeBot, identityOf, recordLog } from "./intake-support.ts";

const STANDS_BY = "another process of this shop is polling: standing by";
let telegram: TelegramStandIn;
let database: TestDatabase;
let processes: { bot: TelegramBot; own: Database }[];

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN });
  database = await createTestDatabase();
  processes = [];
});

afterEach(async () => {
  for (const { bot, own } of processes) {
    await bot.stopIntake();
    await bot.stop(0);
    await own.close();
  }
  await telegram.close();
  await database.close();
});

test("one process of a shop polls, and the next takes over when it stops", async () => {
  const chat = await staffChat();
  const { first, log } = await startTwo();

  chat.send("one");
  await allHandled({ telegram });
  await first.bot.stopIntake();
  chat.send("two");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["one", "two"]);
  expect(log.lines.filter(({ level }) => level >= 50)).toEqual([]);
  expect(log.lines.filter(({ msg }) => msg === STANDS_BY)).toHaveLength(1);
});

test("when the polling process dies, the one that stands by takes over", async () => {
  const chat = await staffChat();
  const { first, log } = await startTwo();

  await first.lock.release();
  first.bot.loseAll();
  chat.send("still there?");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["still there?"]);
  expect(log.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

test("another process polls when the lease of a suspended one expires, and the suspended one stands by when it resumes", async () => {
  const chat = await staffChat();
  const log = recordLog();
  const first = await startProcess({ logger: log.logger });
  await telegram.waitFor(() => openPolls().length === 1);
  await startProcess();

  await database.db.execute(sql`update workers set lease_until = now() where id = ${first.lock.workerId}`);
  await log.waitForLine(({ msg }) => msg === STANDS_BY);
  chat.send("still there?");
  await allHandled({ telegram });

  expect((await conversationsIn(database)).texts).toEqual(["still there?"]);
  expect(openPolls()).toHaveLength(1);
  expect(log.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

test("a chat that cannot be committed yet blocks no other, and nothing after it is confirmed", async () => {
  const [slow, quick] = [await staffChat("An"), await staffChat("Binh")];
  slow.send("first");
  quick.send("first");
  await startProcess();
  await allHandled({ telegram });
  const release = await holdThreadOf("An");

  slow.send("a");
  quick.send("b");
  slow.send("c");
  quick.send("d");
  await expect.poll(async () => (await conversationsIn(database)).texts.slice(2)).toEqual(["b", "d"]);
  const unconfirmed = telegram.pendingUpdates().length;
  await release();
  await allHandled({ telegram });

  expect(unconfirmed).toBe(4);
  const { texts } = await conversationsIn(database);
  expect(texts.filter((text) => text === "a" || text === "c")).toEqual(["a", "c"]);
});

/** Two processes that share a log: the first polls, the second stands by. */
async function startTwo() {
  const log = recordLog();
  const first = await startProcess({ logger: log.logger });
  await telegram.waitFor(() => openPolls().length === 1);
  await startProcess({ logger: log.logger });
  await log.waitForLine(({ msg }) => msg === STANDS_BY);
  return { first, log };
}

async function startProcess(deps: Partial<TelegramBotDeps> = {}) {
  const own = connectDatabase(database.target, { poolSize: 5 });
  const lock = await takeLastingLock(own, telegram.bot.id);
  const bot = await createIntakeBot({ telegram, database: own }, { worker: identityOf(() => lock.workerId), ...deps });
  processes.push({ bot, own });
  bot.start();
  return { bot, lock };
}

async function staffChat(first_name = "An") {
  return telegram.privateChat(await staffPerson({ telegram, test: database }, "staff", { first_name }));
}

function polls() {
  return telegram.calls().filter(({ method }) => method === "getUpdates");
}

function openPolls() {
  return polls().filter(({ outcome }) => outcome === undefined);
}

/** Locks the thread of this person until it is released. */
function holdThreadOf(name: string): Promise<() => Promise<void>> {
  return holdLocks(database.db, (tx) =>
    tx.execute(sql`select 1 from threads where id = (select thread_id from messages
      join staff on staff.id = messages.author_id where staff.name = ${name} limit 1) for update`),
  );
}
