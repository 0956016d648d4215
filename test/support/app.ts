/**
 * The whole product on real parts for a test: a database of its own, the strict stand-ins of Telegram and the model over
 * HTTP, the app between them. A restart keeps the database and both stand-ins, as a real one keeps Telegram.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModelStandIn, type ModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import type { Responder } from "../../sandbox/model/turn.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { type App, startApp } from "../../src/app.ts";
import { createModel } from "../../src/assistant/model/model.ts";
import type { Clock } from "../../src/bot/telegram/clock.ts";
import { type Config, loadConfig, type WebhookConfig } from "../../src/config.ts";
import { connectDatabase } from "../../src/db/client.ts";
import { saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import { createLogger, type Logger } from "../../src/observability/logger.ts";
import type { StaffRole } from "../../src/shop/roles.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";

export const BOT_TOKEN = "4242:test-token-of-the-local-stand-in";
export const ADMIN_TOKEN = "an-admin-token-for-tests-of-40-characters";

/** What the date is at 0 of a test's clock. */
const CLOCK_STARTS_AT = Date.UTC(2026, 10, 24);

export interface TestAppOptions {
  /** Its number before the colon is the bot's id; `BOT_TOKEN` when left out. */
  botToken?: string;
  /** Environment variables over the defaults. */
  env?: Record<string, string>;
  /** The time at the shop; the real one when left out. */
  now?: () => Date;
  idleTimeoutMs?: number;
  /** What the model is asked with; no key when left out. */
  apiKey?: string;
  /** In place of one that says nothing. */
  logger?: Logger;
  /** Of calls to Telegram; its own when left out. */
  telegramLimits?: "none";
  /** By which the bot spaces its calls and Telegram counts them; real time when left out. */
  clock?: Clock;
  /** Updates are brought instead of fetched. */
  webhook?: WebhookConfig;
}

export interface TestApp {
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
  readonly test: TestDatabase;
  readonly config: Config;
  app(): App;
  /** A member of the staff, in a private chat with the bot. */
  staff(role?: StaffRole, person?: { first_name?: string; language_code?: string }): Promise<StandInChat>;
  /** Asks GraphQL as an admin; fails on errors. */
  graphql<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Stops the app and leaves the rest as it is. */
  stop(): Promise<void>;
  /** Stops the app and starts another on the same database, Telegram and model. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts it; `answer` plays the model. */
export async function startTestApp(answer: Responder, options: TestAppOptions = {}): Promise<TestApp> {
  const test = await createTestDatabase({ poolSize: 10 });
  const { clock, botToken = BOT_TOKEN } = options;
  const telegram = await createTelegramStandIn({
    token: botToken,
    ...(clock ? { now: () => CLOCK_STARTS_AT + clock.now() } : {}),
    ...(options.telegramLimits ? { limits: options.telegramLimits } : {}),
  });
  const model = await createModelStandIn({ answer });
  const dataDir = await mkdtemp(join(tmpdir(), "counterhand-app-"));
  const config = loadConfig({ PORT: "0", DATA_DIR: dataDir, ADMIN_TOKEN, ...options.env }, join(dataDir, "no.env"));
  const start = () =>
    startApp({
      config,
      // Without a wait.
      modelRetries: { sleep: async () => undefined },
      telegram: {
        token: botToken,
        apiRoot: telegram.apiRoot,
        proxy: null,
        webhook: options.webhook ?? null,
        ...(options.telegramLimits ? { callsPerSecond: Number.POSITIVE_INFINITY } : {}),
      },
      model: createModel({
        apiKey: options.apiKey ?? null,
        baseUrl: model.url,
        name: "test-model",
        ...(options.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: options.idleTimeoutMs }),
      }),
      open: {
        database: test.database,
        isDemo: false,
        description: test.name,
        connect: (connectOptions) => connectDatabase(test.target, connectOptions),
        explainErrors: (work) => work,
        close: async () => undefined,
      },
      ownerTelegramIds: config.ownerTelegramIds,
      page: null,
      onFatal(error) {
        throw error;
      },
      logger: options.logger ?? createLogger({ level: process.env.TEST_LOG_LEVEL ?? "silent", pretty: false }),
      ...(options.now ? { now: options.now } : {}),
      ...(clock ? { clock } : {}),
    });
  let app = await start();
  let isStopped = false;
  let people = 0;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await app.stop(0);
  };

  return {
    telegram,
    model,
    test,
    config,
    app: () => app,
    async staff(role = "staff", person = {}) {
      people += 1;
      const user = telegram.person({ id: 7_000 + people, first_name: `Person ${people}`, ...person });
      await saveStaffMember(test.db, { telegramUserId: user.id, name: user.first_name, username: null, role });
      return telegram.privateChat(user);
    },
    async graphql<T>(query: string, variables: Record<string, unknown> = {}) {
      const response = await fetch(`${app.address}/graphql`, {
        method: "POST",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] };
      if (errors) throw new Error(errors.map(({ message }) => message).join("; "));
      return data;
    },
    async restart() {
      await stop();
      app = await start();
      isStopped = false;
    },
    stop,
    async close() {
      await stop();
      await model.close();
      await telegram.close();
      await test.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
