/**
 * The whole product for a test: its own database, the app, and the strict stand-ins for Telegram and the model over HTTP. A
 * restart keeps the database and both stand-ins.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModelStandIn, type ModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import type { Responder } from "../../sandbox/model/turn.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import type { AppParts } from "../../src/app/parts.ts";
import { type App, startApp } from "../../src/app.ts";
import { createModel } from "../../src/assistant/model/model.ts";
import type { Clock } from "../../src/bot/budget/clock.ts";
import { type Config, loadConfig, type WebhookConfig } from "../../src/config.ts";
import { connectDatabase } from "../../src/db/client.ts";
import { saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import { createLogger, type Logger } from "../../src/observability/logger.ts";
import type { StaffRole } from "../../src/shop/roles.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";

export const BOT_TOKEN = "4242:test-token-of-the-local-stand-in";
export const ADMIN_TOKEN = "an-admin-token-for-tests-of-40-characters";

/** The date at time 0 of a test's clock. */
const CLOCK_STARTS_AT = Date.UTC(2026, 10, 24);

export interface TestAppOptions {
  /** The number before the colon is the bot's id. Default: `BOT_TOKEN`. */
  botToken?: string;
  /** Environment variables that override the defaults. */
  env?: Record<string, string>;
  /** The shop's clock. Default: real time. */
  now?: () => Date;
  idleTimeoutMs?: number;
  /** The model's API key. Default: none. */
  apiKey?: string;
  /** Default: a silent logger. */
  logger?: Logger;
  /** Default: Telegram's real limits. */
  telegramLimits?: "none";
  /** The clock for the bot's pacing and Telegram's rate limits. Default: real time. */
  clock?: Clock;
  /** Default: long polling. */
  webhook?: WebhookConfig;
}

export interface TestApp {
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
  readonly test: TestDatabase;
  readonly config: Config;
  app(): App;
  /** Creates a staff member. @returns the private chat with the bot. */
  staff(role?: StaffRole, person?: { first_name?: string; language_code?: string }): Promise<StandInChat>;
  /** Sends a GraphQL request as an admin. Throws on errors. */
  graphql<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Stops only the app. */
  stop(): Promise<void>;
  /** Restarts the app with the same database, Telegram and model. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the app. `answer` takes the part of the model. */
export async function startTestApp(answer: Responder, options: TestAppOptions = {}): Promise<TestApp> {
  const environment = await createEnvironment(answer, options);
  const { telegram, model, test, config } = environment;
  const start = () => startApp(appParts(environment, options));
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
    graphql: (query, variables = {}) => requestGraphql(app.address, { query, variables }),
    async restart() {
      await stop();
      app = await start();
      isStopped = false;
    },
    stop,
    async close() {
      await stop();
      await environment.close();
    },
  };
}

/** Everything around the app; it outlives a restart. */
interface Environment {
  telegram: TelegramStandIn;
  model: ModelStandIn;
  test: TestDatabase;
  config: Config;
  close(): Promise<void>;
}

async function createEnvironment(answer: Responder, options: TestAppOptions): Promise<Environment> {
  const test = await createTestDatabase({ poolSize: 10 });
  const { clock, telegramLimits, botToken = BOT_TOKEN } = options;
  const telegram = await createTelegramStandIn({
    token: botToken,
    ...(clock ? { now: () => CLOCK_STARTS_AT + clock.now() } : {}),
    ...(telegramLimits ? { limits: telegramLimits } : {}),
  });
  const model = await createModelStandIn({ answer });
  const dataDir = await mkdtemp(join(tmpdir(), "counterhand-app-"));
  const config = loadConfig({ PORT: "0", DATA_DIR: dataDir, ADMIN_TOKEN, ...options.env }, join(dataDir, "no.env"));
  const close = async () => {
    await model.close();
    await telegram.close();
    await test.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { telegram, model, test, config, close };
}

function appParts({ telegram, model, test, config }: Environment, options: TestAppOptions): AppParts {
  const { clock, now, idleTimeoutMs, telegramLimits } = options;
  return {
    config,
    // Retries without delays.
    modelRetries: { sleep: async () => undefined },
    telegram: {
      token: options.botToken ?? BOT_TOKEN,
      apiRoot: telegram.apiRoot,
      proxy: null,
      webhook: options.webhook ?? null,
      ...(telegramLimits ? { callsPerSecond: Number.POSITIVE_INFINITY } : {}),
    },
    model: createModel({
      apiKey: options.apiKey ?? null,
      baseUrl: model.url,
      name: "test-model",
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
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
    ...(now ? { now } : {}),
    ...(clock ? { clock } : {}),
  };
}

async function requestGraphql<T>(
  address: string,
  request: { query: string; variables: Record<string, unknown> },
): Promise<T> {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] };
  if (errors) throw new Error(errors.map(({ message }) => message).join("; "));
  return data;
}
