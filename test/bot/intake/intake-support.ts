/** Helpers for tests of the intake: a bot without the rest of the product, with its own database and Telegram. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Logger, pino } from "pino";
import type { TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { WorkerIdentity } from "../../../src/assistant/worker/worker-lease.ts";
import { createTelegramBot, type TelegramBot, type TelegramBotDeps } from "../../../src/bot/bot.ts";
import { fetchBotInfo } from "../../../src/bot/telegram/connection.ts";
import type { Database } from "../../../src/db/client.ts";
import { isDatabaseUp } from "../../../src/db/queries/process/health.ts";
import { messages, runs, threads } from "../../../src/db/schema/index.ts";
import { onTestServer, type TestDatabase } from "../../support/database.ts";
import { HANOI } from "../../support/shop.ts";
import { takeLastingLock } from "../../support/worker-lock.ts";

/** As long as real ones are. */
export const BOT_TOKEN = "7123456789:AAE-token-of-the-local-stand-in-0123";

/** The identity of a worker that is always alive. */
export function identityOf(id: () => number): WorkerIdentity {
  return { id, isAlive: () => true, isFresh: () => true };
}

/** A bot that is not started yet; it polls by default. */
export async function createIntakeBot(
  { telegram, database }: { telegram: TelegramStandIn; database: Database },
  deps: Partial<TelegramBotDeps> = {},
): Promise<TelegramBot> {
  const lock = deps.worker ? null : await takeLastingLock(database, telegram.bot.id);
  const access = deps.telegram ?? { token: BOT_TOKEN, apiRoot: telegram.apiRoot, proxy: null };
  return createTelegramBot({
    telegram: access,
    me: await fetchBotInfo(access),
    database,
    db: database.db,
    webhook: null,
    shop: HANOI,
    ownerTelegramIds: [],
    toolLabel: (name) => name,
    worker: identityOf(() => lock?.workerId ?? 0),
    isDatabaseUp: () => isDatabaseUp(database.db),
    onRefused(error) {
      throw error;
    },
    logger: pino({ level: "silent" }),
    ...deps,
  });
}

/** The stored conversations, in order of arrival. */
export async function conversationsIn({ db }: TestDatabase) {
  const stored = await db.select({ text: messages.text }).from(messages).orderBy(messages.createdAt);
  return {
    texts: stored.map(({ text }) => text),
    threads: await db.select().from(threads).orderBy(threads.createdAt),
    runs: await db
      .select({ id: runs.id, status: runs.status, stopRequestedAt: runs.stopRequestedAt })
      .from(runs)
      .orderBy(runs.queuedAt),
  };
}

/** Refuses new connections to the database and terminates the existing ones. */
export async function closeDatabaseToEveryone({ name }: TestDatabase): Promise<void> {
  await onTestServer(async (session) => {
    await session`alter database ${session(name)} allow_connections false`;
    await session`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  });
}

export async function openDatabaseAgain({ name }: TestDatabase): Promise<void> {
  await onTestServer((session) => session`alter database ${session(name)} allow_connections true`);
}

interface LogLine {
  level: number;
  msg: string;
}

/** A log whose lines a test can read and wait for. */
export function recordLog() {
  const lines: LogLine[] = [];
  let wake = Promise.withResolvers<void>();
  const logger: Logger = pino(
    { level: "info" },
    {
      write(line: string) {
        lines.push(JSON.parse(line));
        wake.resolve();
        wake = Promise.withResolvers();
      },
    },
  );
  const waitForLine = async (matches: (line: LogLine) => boolean, times = 1) => {
    while (lines.filter(matches).length < times) await wake.promise;
  };
  return { logger, lines, waitForLine };
}

/** Calls the Bot API as another program with the token would. */
export async function callTelegram({ apiRoot }: TelegramStandIn, method: string, params: object): Promise<unknown> {
  const response = await fetch(`${apiRoot}/bot${BOT_TOKEN}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(params),
  });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { result: unknown }).result;
}

/** A port that nobody listens on. */
export async function unusedPort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return port;
}
