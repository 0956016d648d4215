/**
 * The running product, put together: HTTP, bot, worker, started in this order and stopped in reverse.
 *
 * What it is given (an open database, a model, a Telegram that may be a stand-in) is decided by `main`, or by a test.
 */

import { withCircuit } from "./assistant/model/circuit.ts";
import { createMeteredModel } from "./assistant/model/metered-model.ts";
import type { Model } from "./assistant/model/model.ts";
import type { ModelRetry, ModelRetryOptions } from "./assistant/model/retry.ts";
import { startWorker, type Worker } from "./assistant/worker/worker.ts";
import { createTelegramBot, type TelegramBot } from "./bot/bot.ts";
import { createWebhook } from "./bot/intake/webhook.ts";
import type { Clock } from "./bot/telegram/clock.ts";
import type { Config, WebhookConfig } from "./config.ts";
import { listen } from "./db/notify/notify.ts";
import type { OpenDatabase } from "./db/open.ts";
import { isDatabaseUp } from "./db/queries/process/health.ts";
import { readDatabaseState } from "./db/queries/process/metrics.ts";
import { recordRealBot } from "./db/queries/process/real-data.ts";
import type { StartupError } from "./errors.ts";
import { createGraphiqlPages } from "./graphql/graphiql/pages.ts";
import { findAdmin, hashToken } from "./graphql/guards/auth.ts";
import { createActivityHub } from "./graphql/live/activity-hub.ts";
import { createAdminApi } from "./graphql/server.ts";
import type { PageHandler } from "./http/router.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import type { Logger } from "./observability/logger.ts";
import { createMetricsEndpoint } from "./observability/metrics/endpoint.ts";
import { createMetrics } from "./observability/metrics/metrics.ts";
import { createRateLimiter, REFUSAL_LIMIT } from "./process/rate-limiter.ts";
import { runShutdownSteps } from "./process/shutdown-steps.ts";
import { botIdOf, isOfSandbox } from "./shop/telegram-ids.ts";
import { loadAdminToken } from "./tokens/installation-token.ts";
import { createToolRegistry } from "./tools/registry.ts";

export interface AppParts {
  config: Config;
  /** Telegram, or what stands in for it. */
  telegram: {
    token: string;
    apiRoot: string;
    proxy: string | null;
    /** Null, or left out: updates are fetched. */
    webhook?: WebhookConfig | null;
    callsPerSecond?: number;
  };
  model: Model;
  modelRetries?: ModelRetryOptions;
  open: OpenDatabase;
  ownerTelegramIds: readonly number[];
  /** A server that listens already; one is started when left out. `stop` closes it. */
  http?: HttpServer;
  /** The sandbox's page. */
  page: PageHandler | null;
  /** Something ended that the process cannot go on without. */
  onFatal(error: StartupError): void;
  /** Gives up a start that waits for Telegram. */
  stopping?: AbortSignal | undefined;
  logger: Logger;
  now?: () => Date;
  /** By which calls to Telegram are spaced; the system's when left out. */
  clock?: Clock;
}

export interface App {
  /** `http://host:port` of health, GraphQL and pages. */
  readonly address: string;
  readonly botUsername: string;
  /** A shell command that asks GraphQL for the newest threads; it names where the token is, never its value. */
  readonly exampleCommand: string;
  makeOwnerInvite(): Promise<string>;
  /** Hands over what is not done within `graceMs`. The database is left to whoever opened it. */
  stop(graceMs?: number): Promise<void>;
}

/** How long runs and deliveries under way may take when the process stops, in milliseconds. */
const SHUTDOWN_GRACE_MS = 10_000;
/** What an admin asks must not hold up the bot: connections of its own, and a shorter time limit. */
const ADMIN_POOL = { poolSize: 8, statementTimeoutMs: 10_000 };
/** A connection of its own: the metrics are to say so when those of the other pools are all taken. */
const METRICS_POOL = { poolSize: 1, statementTimeoutMs: 2_000 };
/** What people write is stored at once, however many answers are in the making: connections that those do not wait for. */
const INTAKE_POOL = { poolSize: 12 };

/**
 * Starts everything; when it returns, messages are taken in.
 *
 * @throws {StartupError} a taken port, a token that Telegram refuses, a Telegram that cannot be reached.
 */
export async function startApp(parts: AppParts): Promise<App> {
  const { config, open, logger } = parts;
  const stops: (() => Promise<void>)[] = [];
  let ready = false;
  try {
    let bot: TelegramBot | undefined;
    const tools = createToolRegistry(config.revenueRoles);
    const adminToken = await loadAdminToken(config.adminToken, config.dataDir);
    const adminDatabase = open.connect(ADMIN_POOL);
    stops.push(() => adminDatabase.close());
    const intakeDatabase = open.connect(INTAKE_POOL);
    stops.push(() => intakeDatabase.close());
    const metricsDatabase = open.connect(METRICS_POOL);
    stops.push(() => metricsDatabase.close());
    const metrics = createMetrics({
      readDatabase: () => readDatabaseState(metricsDatabase.db),
      pools: { intake: intakeDatabase.poolUse, bot: open.database.poolUse, admin: adminDatabase.poolUse },
      frozenChats: () => bot?.frozenChats() ?? null,
    });

    let worker: Worker | undefined;
    const adminTokenHash = hashToken(adminToken.token);
    const sandbox = isOfSandbox(botIdOf(parts.telegram.token));
    const activity = createActivityHub({
      db: adminDatabase.db,
      sandbox,
      listen: (handler) => listen(adminDatabase, handler),
      logger,
    });
    const now = parts.now ?? (() => new Date());
    const environment = { shop: config.shop, tools: [...tools.values()], sandbox, now };
    const onError = (error: unknown) => logger.error({ err: error }, "request failed");
    const http = parts.http ?? (await startHttpServer({ ...config.http, onError }));
    stops.push(() => http.close());
    // Before the server: subscribers hear that it stops, and from where to go on.
    stops.push(() => activity.close());
    /** What a caller without a valid token meets, the same at each path. */
    const strangers = {
      refusals: createRateLimiter(REFUSAL_LIMIT, () => performance.now() / 1_000),
      onTrusted: http.trust,
    };
    const graphql = createAdminApi({
      db: adminDatabase.db,
      activity,
      adminTokenHash,
      logger,
      environment,
      ...strangers,
    });
    const { webhook: webhookConfig, token } = parts.telegram;
    const webhook = webhookConfig ? createWebhook(webhookConfig, token, strangers) : null;
    http.serve({
      isReady: () => ready && (worker?.isAlive() ?? false),
      graphql,
      graphiql: createGraphiqlPages(),
      metrics: createMetricsEndpoint({
        metrics,
        isAdmin: async ({ headers }) =>
          (await findAdmin(adminDatabase.db, { adminTokenHash, sandbox }, headers.authorization ?? null)) !== null,
        ...strangers,
        onError: (error) => logger.warn({ err: error }, "could not check an admin's token"),
      }),
      webhook: webhook && { path: webhook.path, handle: webhook.handler.handle },
      sandbox: parts.page,
    });

    const telegramBot = await createTelegramBot({
      telegram: parts.telegram,
      database: intakeDatabase,
      db: open.database.db,
      webhook,
      shop: config.shop,
      ownerTelegramIds: parts.ownerTelegramIds,
      toolLabel: (name, language) => tools.get(name)?.label[language === "vi" ? "vi" : "en"] ?? name,
      workerId: () => {
        if (!worker) throw new Error("the bot starts after the worker");
        return worker.id();
      },
      isAlive: () => worker?.isAlive() ?? false,
      mayCall: () => worker?.isFresh() ?? false,
      isDatabaseUp: () => isDatabaseUp(intakeDatabase.db),
      onRefused: parts.onFatal,
      stopping: parts.stopping,
      meter: metrics.meter,
      ...(parts.clock ? { clock: parts.clock } : {}),
      logger,
    });
    bot = telegramBot;
    if (!sandbox) await recordRealBot(open.database.db, telegramBot.me.id);
    const loop = {
      db: open.database.db,
      model: withCircuit(createMeteredModel(parts.model, metrics.meter), {
        logger,
        onCircuit: metrics.meter.circuitChanged,
      }),
      meter: metrics.meter,
      modelRetries: { ...parts.modelRetries, onRetry: ({ fault }: ModelRetry) => metrics.meter.modelRetried(fault) },
      tools,
      shop: config.shop,
      now,
      logger,
    };
    const running = await startWorker(
      {
        database: open.database,
        loop,
        presenter: telegramBot.presenter,
        onLost: telegramBot.loseAll,
        onLiveWorkers: telegramBot.share,
        isOverloaded: telegramBot.isOverloaded,
        meter: metrics.meter,
        logger,
      },
      telegramBot.me.id,
    );
    worker = running;
    telegramBot.start();
    ready = true;

    return {
      address: http.address,
      botUsername: telegramBot.me.username,
      exampleCommand: exampleCommand(
        http.address,
        config.isAdminTokenInFile ? TOKEN_IN_ENV_FILE : adminToken.shellText,
      ),
      makeOwnerInvite: telegramBot.makeOwnerInvite,
      async stop(graceMs = SHUTDOWN_GRACE_MS) {
        ready = false;
        // The number is let go of last: whoever has seen it leave draws the same replies.
        const steps = [
          telegramBot.stopIntake,
          () => running.stop(graceMs),
          () => telegramBot.stop(graceMs),
          running.leave,
          ...stops.reverse(),
        ];
        await runShutdownSteps(steps, (error) =>
          logger.error({ err: error }, "could not stop in good order: going on"),
        );
      },
    };
  } catch (error) {
    await runShutdownSteps(stops.reverse(), (cause) => logger.error({ err: cause }, "could not stop what was started"));
    throw error;
  }
}

/** The shell does not read `.env`: this takes the value out of it. */
const TOKEN_IN_ENV_FILE = "$(sed -n 's/^ADMIN_TOKEN=//p' .env)";

function exampleCommand(address: string, token: string): string {
  const query = "{ threads(first: 5) { nodes { title lastActivityAt lastMessage { role text } } } }";
  // Without a double quote: a line of a JSON log would escape it, and could not be copied.
  return `curl -s ${address}/graphql -H 'Authorization: Bearer '${token} -H 'content-type: application/graphql' -d '${query}'`;
}
