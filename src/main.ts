/**
 * `npm start`: from the environment to the running product, and its shutdown in reverse order.
 *
 * With a Telegram token it is the real bot; without one, the sandbox: the same bot with local stand-ins. An error that an
 * operator can fix ends the process with one clear message and exit code 1.
 */
import { join } from "node:path";
import { lockSandboxDatabase, openSandboxDatabase, watchForRealBot } from "../sandbox/access.ts";
import { type SandboxTelegram, type Started, startSandboxTelegram, startScriptedModel } from "../sandbox/sandbox.ts";
import { seedDemoShop } from "../sandbox/shop/demo-shop.ts";
import { startTraces } from "./app/traces.ts";
import { type App, startApp } from "./app.ts";
import { createModel, type Model } from "./assistant/model/model.ts";
import { type Config, loadConfig } from "./config.ts";
import { type OpenDatabase, openDatabase } from "./db/open.ts";
import { withdrawFirstOwnerInvites } from "./db/queries/chat/invites.ts";
import { hasOwner } from "./db/queries/chat/staff.ts";
import { StartupError } from "./errors.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import { createLogger, type Logger } from "./observability/logger.ts";
import { allowSlowConnections } from "./process/connecting.ts";
import { runShutdownSteps } from "./process/shutdown-steps.ts";
import { stopOnSignals, unlessStopped, whenCancelled } from "./process/signals.ts";
import { untilAborted } from "./process/timeout.ts";
import { removeSecret, writeSecret } from "./tokens/installation-token.ts";

const stops: (() => Promise<void>)[] = [];
let logger: Logger | undefined;
let stopped: Promise<void> | undefined;

try {
  const startedAt = performance.now();
  allowSlowConnections();
  const config = loadConfig();
  logger = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY });
  const stopping = stopWhenAsked(() => starting, logger);
  const starting = start(config, logger, stopping);
  const { app, chat } = await unlessStopped(stopping, starting);
  logger.info({ startMs: Math.round(performance.now() - startedAt) }, "ready");
  greet(app, chat, { config, log: logger });
} catch (error) {
  await fail(error);
}

/** What a start was given and has opened so far. */
interface Starting {
  readonly config: Config;
  readonly http: HttpServer;
  readonly open: OpenDatabase;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** @returns the app, and the address at which people chat with the bot. */
async function start(config: Config, log: Logger, stopping: AbortSignal): Promise<{ app: App; chat: string }> {
  // Before anything slow: a taken port shows at once, and health checks get 503 until the start is complete.
  const http = await startHttpServer({
    ...config.http,
    onError: (error) => log.error({ err: error }, "request failed"),
  });
  stops.push(() => http.close());
  const openOwn = config.telegram.token === null ? openSandboxDatabase : openDatabase;
  const open = await openOwn(config, log, { signal: stopping });
  stops.push(() => open.close());
  log.info({ database: open.description }, "database ready");
  return open.explainErrors(startOn({ config, http, open, log, stopping }));
}

async function startOn({ config, http, open, log, stopping }: Starting): Promise<{ app: App; chat: string }> {
  const { token } = config.telegram;
  const model = await startModel(config, log);
  const tracing = await startTraces(config, log);
  stops.push(() => tracing.stop());
  const sandbox = token === null ? await untilAborted(stopping, startSandbox(config, open, log)) : null;
  // The owners are configured: the link of an earlier start must not make anybody else an owner.
  if (token !== null && config.ownerTelegramIds.length > 0) await withdrawFirstOwnerInvites(open.database.db);
  const app = await startApp({
    config,
    telegram: sandbox ?? { ...config.telegram, token: token ?? "" },
    model,
    open,
    ownerTelegramIds: sandbox ? [...config.ownerTelegramIds, sandbox.ownerTelegramId] : config.ownerTelegramIds,
    http,
    page: sandbox?.page ?? null,
    onFatal: (error) => void fail(error),
    stopping,
    tracer: tracing.tracer,
    logger: log,
  });
  stops.push(() => app.stop());
  if (token !== null) await provideOwner(app, { config, open, log });
  const chat = sandbox ? `${app.address}/sandbox?key=${sandbox.pageKey}` : `https://t.me/${app.botUsername}`;
  return { app, chat };
}

async function startModel(config: Config, log: Logger): Promise<Model> {
  if (config.model) return createModel(config.model);
  log.warn("NO MODEL: a script answers, and says so. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server");
  return stopLater(await startScriptedModel());
}

async function startSandbox(config: Config, open: OpenDatabase, log: Logger): Promise<SandboxTelegram> {
  log.warn(
    "SANDBOX: no Telegram. A local stand-in shows the chat in a web page. Set TELEGRAM_BOT_TOKEN for the real one",
  );
  stops.push(await lockSandboxDatabase(open, config, (error) => void fail(error)));
  stops.push(watchForRealBot(open, config, (error) => void fail(error)));
  const sandbox = stopLater(await startSandboxTelegram(config, open.database.db));
  if (open.isDemo) {
    const demo = await seedDemoShop(open.database, { shop: config.shop, now: new Date() });
    await sandbox.seedStaff(open.database.db);
    log.warn(
      { addedReceipts: demo.receipts },
      "DEMO SHOP: its products and sales are made up. 'npm run import' brings in yours",
    );
  }
  return sandbox;
}

/** The value of what was started; it is stopped with everything else. */
function stopLater<T>(started: Started<T>): T {
  stops.push(() => started.stop());
  return started.value;
}

async function provideOwner(app: App, { config, open, log }: { config: Config; open: OpenDatabase; log: Logger }) {
  const file = join(config.dataDir, "owner-invite");
  if (config.ownerTelegramIds.length === 0 && !(await hasOwner(open.database.db))) {
    return offerOwnerInvite(app, file, log);
  }
  // The link in it is no longer valid.
  await removeSecret(file);
}

async function offerOwnerInvite(app: App, file: string, log: Logger): Promise<void> {
  const link = await app.makeOwnerInvite();
  if (process.stdout.isTTY) {
    process.stdout.write(
      `\nThe shop has no owner yet. The first person who opens this link becomes the owner (once, within 24 hours; the next start makes another link and ends this one):\n  ${link}\n\n`,
    );
    return;
  }
  await writeSecret(file, link, "w");
  log.warn({ file }, "the shop has no owner yet: the first person who opens the link in this file becomes the owner");
}

/** Says what to do next, as plain lines: people look for them, also in a log. */
function greet(app: App, chat: string, { config, log }: { config: Config; log: Logger }): void {
  log.info(`chat with the bot: ${chat}`);
  if (config.adminToken === null) log.info(`admin token: ${join(config.dataDir, "admin-token")}`);
  log.info(`GraphQL: ${app.address}/graphql`);
  log.info(`try: ${app.exampleCommand}`);
}

function stopWhenAsked(starting: () => Promise<unknown>, log: Logger): AbortSignal {
  return stopOnSignals(async (signal) => {
    log.info({ signal }, "stopping: a second signal ends at once");
    // Stopping a start half way would pull away what it uses, and miss what it opens later.
    await whenCancelled(starting());
    await stopAll();
  }, 0);
}

/** Stops what was started, in reverse order. A second call waits for the first. */
function stopAll(): Promise<void> {
  stopped ??= (async () => {
    // A start that continues meanwhile may add further steps: they are taken too.
    for (let stop = stops.pop(); stop; stop = stops.pop()) {
      await runShutdownSteps([stop], (error) => logger?.error({ err: error }, "shutdown step failed: continuing"));
    }
    logger?.info("stopped");
  })();
  return stopped;
}

/** Ends the process: with one clear message for what an operator can fix, with a stack trace for a bug. */
async function fail(error: unknown): Promise<never> {
  if (error instanceof StartupError) process.stderr.write(`${error.message}\n`);
  else if (logger) logger.fatal({ err: error }, "unexpected error: the process ends");
  else process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  await stopAll();
  process.exit(1);
}
