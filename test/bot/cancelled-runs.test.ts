import { asc } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { TelegramBot } from "../../src/bot/bot.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { readDatabaseState } from "../../src/db/queries/process/metrics.ts";
import { runs } from "../../src/db/schema/index.ts";
import { createMetrics, type Metrics } from "../../src/observability/metrics/metrics.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { allHandled, staffPerson } from "./bot-support.ts";
import { BOT_TOKEN, createIntakeBot, recordLog } from "./intake/intake-support.ts";

const texts = textsIn("en");
// Without a worker, all questions stay queued.
let telegram: TelegramStandIn;
let database: TestDatabase;
let bot: TelegramBot;
let metrics: Metrics;
let log: ReturnType<typeof recordLog>;

beforeEach(async () => {
  telegram = await createTelegramStandIn({ token: BOT_TOKEN });
  database = await createTestDatabase();
  metrics = createMetrics({
    readDatabase: () => readDatabaseState(database.db),
    pools: {},
    frozenChats: () => null,
  });
  log = recordLog();
  bot = await createIntakeBot({ telegram, database: database.database }, { meter: metrics.meter, logger: log.logger });
  bot.start();
});

afterEach(async () => {
  await bot.stopIntake();
  await bot.stop(0);
  await telegram.close();
  await database.close();
});

test("a queued question that is stopped, left, or lost with its asker's access is one ended run in the log and the metrics", async () => {
  const owner = telegram.privateChat(await staff("owner", "Linh"));
  const chat = telegram.privateChat(await staff("staff", "An"));

  chat.send("one");
  chat.send("/stop");
  await chat.waitForBotMessage(texts.stopped);
  chat.send("two");
  chat.send("/new");
  await chat.waitForBotMessage(texts.newThread);
  chat.send("three");
  await allHandled({ telegram });
  owner.send(`/remove ${chat.id}`);
  await owner.waitForBotMessage(texts.removed("An"));

  const stored = await database.db
    .select({ runId: runs.id, outcome: runs.status })
    .from(runs)
    .orderBy(asc(runs.queuedAt));
  const ends = log.lines.filter(({ msg }) => msg === "run ended");
  expect(ends).toMatchObject(stored.map((run) => ({ ...run, ...NEVER_BEGUN })));
  expect(stored.map(({ outcome }) => outcome)).toEqual(["cancelled", "cancelled", "cancelled"]);
  expect(await metrics.scrape()).toContain('counterhand_runs_ended_total{outcome="cancelled",code="none"} 3');
});

test("a stop without a run to end logs no end", async () => {
  const chat = telegram.privateChat(await staff("staff", "An"));

  chat.send("one");
  chat.send("/stop");
  chat.send("/stop");
  chat.send("/new");
  chat.send("/new");
  await allHandled({ telegram });

  expect(log.lines.filter(({ msg }) => msg === "run ended")).toHaveLength(1);
});

const NEVER_BEGUN = {
  attempt: 0,
  errorCode: null,
  rounds: 0,
  toolCalls: 0,
  inputTokens: 0,
  outputTokens: 0,
  queuedMs: expect.any(Number),
  firstTokenMs: null,
  durationMs: 0,
};

function staff(role: "staff" | "owner", first_name: string) {
  return staffPerson({ telegram, test: database }, role, { first_name });
}
