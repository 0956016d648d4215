/**
 * The running product, put together: HTTP, lease, bot, worker, started in this order and stopped in reverse.
 *
 * `main`, or a test, decides what it is given: an open database, a model, a Telegram that may be a stand-in.
 */
import { openBot, openWorker } from "./app/bot-and-worker.ts";
import { openServer, serve } from "./app/http.ts";
import { type AppParts, openShared, type Stops } from "./app/parts.ts";
import { takeWorkerLease, type WorkerLease } from "./assistant/worker/worker-lease.ts";
import type { TelegramBot } from "./bot/bot.ts";
import { fetchBotInfo } from "./bot/telegram/connection.ts";
import { hashToken } from "./graphql/guards/auth.ts";
import { runShutdownSteps } from "./process/shutdown-steps.ts";
import { untilAborted } from "./process/timeout.ts";
import { loadAdminToken } from "./tokens/installation-token.ts";

export interface App {
  /** `http://host:port` of health, GraphQL and pages. */
  readonly address: string;
  readonly botUsername: string;
  /** A shell command that asks GraphQL for the newest threads; it names where the token is, never its value. */
  readonly exampleCommand: string;
  makeOwnerInvite(): Promise<string>;
  /** Hands over what is not done within `graceMs`. The database stays open: the caller opened it. */
  stop(graceMs?: number): Promise<void>;
}

/** How long runs and deliveries under way may take when the process stops, in milliseconds. */
const SHUTDOWN_GRACE_MS = 10_000;

/**
 * Starts everything; when it returns, it receives messages.
 *
 * @throws {StartupError} a taken port, a token that Telegram refuses, a Telegram that cannot be reached.
 */
export async function startApp(parts: AppParts): Promise<App> {
  const stops: Stops = [];
  try {
    return await start(parts, stops);
  } catch (error) {
    await runShutdownSteps(stops.toReversed(), (cause) =>
      parts.logger.error({ err: cause }, "could not stop what was started"),
    );
    throw error;
  }
}

async function start(parts: AppParts, stops: Stops): Promise<App> {
  const { config, open, logger } = parts;
  let bot: TelegramBot | undefined;
  let lease: WorkerLease | undefined;
  let isReady = false;
  const adminToken = await loadAdminToken(config.adminToken, config.dataDir);
  const shared = openShared(parts, stops, () => bot?.frozenChats() ?? null);
  const server = await openServer(shared, stops);
  const webhook = serve(shared, server, {
    adminTokenHash: hashToken(adminToken.token),
    isReady: () => isReady && lease?.isAlive() === true,
  });
  // Before the lease: a process that cannot reach Telegram takes no share of its limits.
  const me = await untilAborted(parts.stopping, fetchBotInfo(parts.telegram));
  lease = await takeWorkerLease(open.database, { botId: shared.botId, logger });
  stops.push(lease.release);
  bot = await openBot(shared, { me, lease, webhook });
  const worker = await openWorker(shared, { lease, bot });
  bot.start();
  isReady = true;

  const { address } = server.http;
  const { makeOwnerInvite, stopIntake, stop: stopBot } = bot;
  const token = config.isAdminTokenInFile ? TOKEN_IN_ENV_FILE : adminToken.shellText;
  return {
    address,
    botUsername: me.username,
    exampleCommand: exampleCommand(address, token),
    makeOwnerInvite,
    async stop(graceMs = SHUTDOWN_GRACE_MS) {
      isReady = false;
      // The lease is released after the bot has stopped: a process that sees it released delivers the same replies.
      const steps = [stopIntake, () => worker.stop(graceMs), () => stopBot(graceMs), ...stops.toReversed()];
      await runShutdownSteps(steps, (error) => logger.error({ err: error }, "shutdown step failed: continuing"));
    },
  };
}

/** The shell does not read `.env`: this takes the value out of it. */
const TOKEN_IN_ENV_FILE = "$(sed -n 's/^ADMIN_TOKEN=//p' .env)";

function exampleCommand(address: string, token: string): string {
  const query = "{ threads(first: 5) { nodes { title lastActivityAt lastMessage { role text } } } }";
  // Without a double quote: a line of a JSON log would escape it, and could not be copied.
  return `curl -s ${address}/graphql -H 'Authorization: Bearer '${token} -H 'content-type: application/graphql' -d '${query}'`;
}
