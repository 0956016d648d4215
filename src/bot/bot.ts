/**
 * The Telegram bot, put together: who may speak, what they can say, where the answers are shown, how updates come in.
 *
 * Handlers translate and delegate; each commits with one call. It knows nothing of the model and the tools.
 */

import { Api, type ApiClientOptions, Bot } from "grammy";
import type { UserFromGetMe } from "grammy/types";
import { HttpsProxyAgent } from "https-proxy-agent";
import { SocksProxyAgent } from "socks-proxy-agent";
import type { TelegramConfig } from "../config.ts";
import type { Db } from "../db/client.ts";
import { StartupError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Shop } from "../shop/shop.ts";
import { createAccess, inviteLink, makeInvite } from "./access.ts";
import { createButtons } from "./buttons.ts";
import { createCommands, publishCommands } from "./commands.ts";
import type { BotContext } from "./context.ts";
import { createMessages, createMigration } from "./messages.ts";
import { createOutbox } from "./outbox.ts";
import { isRefusal, type Polling, reasonOf, refusedToken, startPolling } from "./polling.ts";
import { createSendBudget } from "./reply/send-budget.ts";
import { createTelegramStage, type TelegramStage } from "./reply/stage.ts";

export interface TelegramBotDeps {
  telegram: TelegramConfig & { token: string };
  db: Db;
  shop: Shop;
  ownerTelegramIds: readonly number[];
  /** What a person reads while a tool of this name runs. */
  toolLabel(name: string, language: string): string;
  workerId(): number;
  isDatabaseUp(): Promise<boolean>;
  /** Telegram refused the token while running: the process has to end. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

export interface TelegramBot {
  readonly me: UserFromGetMe;
  readonly stage: TelegramStage;
  /** Begins to take updates in and to deliver what was left. */
  start(): void;
  /** Takes no more updates in; what is in hand is committed when this settles. */
  stopPolling(): Promise<void>;
  /** Delivers what it can within `graceMs`; the rest stays in the database. */
  stop(graceMs: number): Promise<void>;
  /** A link that makes whoever opens it first an owner. */
  makeOwnerInvite(): Promise<string>;
}

/** Longest wait for one call, in seconds; grammY's default is 500. */
const CALL_TIMEOUT_SECONDS = 15;
const POLL_TIMEOUT_SECONDS = 45;
/** How often what dead processes left undelivered is looked for, in milliseconds. */
const WAITING_LOOK_INTERVAL_MS = 5_000;
const CONNECT_TRIES = 3;

/**
 * Makes the bot and asks Telegram who it is.
 *
 * @throws {StartupError} when Telegram refuses the token or cannot be reached.
 */
export async function createTelegramBot(deps: TelegramBotDeps): Promise<TelegramBot> {
  const { db, logger, telegram } = deps;
  const client = clientOptions(telegram);
  const me = await askWhoIAm(new Api(telegram.token, { ...client, timeoutSeconds: CALL_TIMEOUT_SECONDS }), telegram);
  const bot = new Bot<BotContext>(telegram.token, {
    client: { ...client, timeoutSeconds: CALL_TIMEOUT_SECONDS },
    botInfo: me,
  });
  const budget = createSendBudget();
  const outbox = createOutbox({ api: bot.api, budget, logger });
  const stage = createTelegramStage({
    db,
    api: bot.api,
    botId: me.id,
    budget,
    toolLabel: deps.toolLabel,
    workerId: deps.workerId,
    logger,
  });
  bot.use(createMigration(db));
  bot.use(createAccess({ ...deps, outbox }));
  bot.use(createButtons({ ...deps, outbox }));
  bot.use(createCommands({ ...deps, outbox }));
  bot.use(createMessages({ db, outbox, logger }));

  let polling: Polling | undefined;
  let waitingTimer: NodeJS.Timeout | undefined;
  const deliverWaiting = () => {
    stage.deliverWaiting().catch((error: unknown) => logger.warn({ err: error }, "could not look for waiting replies"));
  };

  return {
    me,
    stage,
    start() {
      polling = startPolling({
        api: new Api(telegram.token, { ...client, timeoutSeconds: POLL_TIMEOUT_SECONDS }),
        handle: (update) => bot.handleUpdate(update),
        isDatabaseUp: deps.isDatabaseUp,
        onRefused: deps.onRefused,
        logger,
      });
      deliverWaiting();
      waitingTimer = setInterval(deliverWaiting, WAITING_LOOK_INTERVAL_MS);
      publishCommands(bot.api).catch((error: unknown) => {
        logger.warn({ reason: reasonOf(error) }, "could not set the commands in Telegram's menu");
      });
    },
    async stopPolling() {
      clearInterval(waitingTimer);
      await polling?.stop();
    },
    async stop(graceMs) {
      await Promise.all([outbox.stop(graceMs), stage.stop(graceMs)]);
    },
    makeOwnerInvite: async () => inviteLink(me.username, await makeInvite(db, "owner", null)),
  };
}

function clientOptions(telegram: TelegramConfig): ApiClientOptions {
  const { apiRoot, proxy } = telegram;
  if (proxy === null) return { apiRoot };
  // Kept, as without a proxy: a new way through it for every edit would cost several round trips each.
  const options = { keepAlive: true };
  const agent = proxy.startsWith("socks") ? new SocksProxyAgent(proxy, options) : new HttpsProxyAgent(proxy, options);
  return { apiRoot, baseFetchConfig: { agent, compress: true } };
}

async function askWhoIAm(api: Api, telegram: TelegramConfig): Promise<UserFromGetMe> {
  for (let tries = 1; ; tries++) {
    try {
      return await api.getMe();
    } catch (error) {
      if (isRefusal(error)) throw refusedToken();
      if (tries < CONNECT_TRIES) continue;
      const way =
        telegram.proxy === null
          ? "Where Telegram is blocked, set TELEGRAM_PROXY to an HTTP or SOCKS proxy."
          : "The way goes through TELEGRAM_PROXY: is the proxy up?";
      throw new StartupError(`Cannot reach Telegram at ${telegram.apiRoot}: ${reasonOf(error)}. ${way}`);
    }
  }
}
