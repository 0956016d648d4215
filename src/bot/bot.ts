/**
 * The Telegram bot, put together: who may speak, what they can say, where the answers are shown, how updates come in.
 *
 * Handlers translate and delegate; each commits with one call. It knows nothing of the model and the tools.
 */

import { Api, Bot } from "grammy";
import type { UserFromGetMe } from "grammy/types";
import type { Database, Db } from "../db/client.ts";
import type { StartupError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Shop } from "../shop/shop.ts";
import { createAccess, inviteLink, makeInvite } from "./access.ts";
import { createButtons } from "./buttons.ts";
import { reasonOf } from "./call-failure.ts";
import { createCommands, publishCommands } from "./commands.ts";
import { askWhoIAm, CALL_TIMEOUT_SECONDS, clientOptions, type TelegramAccess } from "./connection.ts";
import type { BotContext } from "./context.ts";
import { startForgetting } from "./forgetting.ts";
import { createMessages, createMigration } from "./messages.ts";
import { createOutbox } from "./outbox.ts";
import { startPolling } from "./polling.ts";
import { createSendBudget } from "./reply/send-budget.ts";
import { createTelegramStage, type TelegramStage } from "./reply/stage.ts";
import { createTakeIn } from "./take-in.ts";
import { startWebhook, type Webhook } from "./webhook.ts";

export interface TelegramBotDeps {
  telegram: TelegramAccess;
  /** For what comes in: a pool that nobody else waits for. */
  database: Database;
  /** For what goes out. */
  db: Db;
  /** Where Telegram brings the updates to; null: they are fetched. */
  webhook: Webhook | null;
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
  stopIntake(): Promise<void>;
  /** Delivers what it can within `graceMs`; the rest stays in the database. */
  stop(graceMs: number): Promise<void>;
  /** A link that makes whoever opens it first an owner. */
  makeOwnerInvite(): Promise<string>;
}

const POLL_TIMEOUT_SECONDS = 45;
/** How often what dead processes left undelivered is looked for, in milliseconds. */
const WAITING_LOOK_INTERVAL_MS = 5_000;

/**
 * Makes the bot and asks Telegram who it is.
 *
 * @throws {StartupError} when Telegram refuses the token or cannot be reached.
 */
export async function createTelegramBot(deps: TelegramBotDeps): Promise<TelegramBot> {
  const { logger, telegram } = deps;
  const me = await askWhoIAm(telegram);
  const bot = new Bot<BotContext>(telegram.token, {
    client: clientOptions(telegram, CALL_TIMEOUT_SECONDS),
    botInfo: me,
  });
  const budget = createSendBudget(
    telegram.callsPerSecond === undefined ? {} : { callsPerSecond: telegram.callsPerSecond },
  );
  const outbox = createOutbox({ api: bot.api, budget, logger });
  const stage = createTelegramStage({
    db: deps.db,
    api: bot.api,
    botId: me.id,
    budget,
    toolLabel: deps.toolLabel,
    workerId: deps.workerId,
    logger,
  });
  const { db } = deps.database;
  bot.use(createMigration(db));
  bot.use(createAccess({ ...deps, db, outbox }));
  bot.use(createButtons({ ...deps, db, outbox }));
  bot.use(createCommands({ ...deps, db, outbox }));
  bot.use(createMessages({ db, outbox, logger }));

  const startIntake = () => {
    const takeIn = createTakeIn({ ...deps, handle: (update) => bot.handleUpdate(update) });
    if (deps.webhook) return startWebhook({ ...deps, api: bot.api, webhook: deps.webhook, takeIn });
    const api = new Api(telegram.token, clientOptions(telegram, POLL_TIMEOUT_SECONDS));
    return startPolling({ ...deps, api, botId: me.id, takeIn });
  };
  let intake: { stop(): Promise<void> } | undefined;
  let forgetting: { stop(): Promise<void> } | undefined;
  let waitingTimer: NodeJS.Timeout | undefined;
  const deliverWaiting = () => {
    stage.deliverWaiting().catch((error: unknown) => logger.warn({ err: error }, "could not look for waiting replies"));
  };

  return {
    me,
    stage,
    start() {
      intake = startIntake();
      forgetting = startForgetting({ db, logger });
      deliverWaiting();
      waitingTimer = setInterval(deliverWaiting, WAITING_LOOK_INTERVAL_MS);
      publishCommands(bot.api).catch((error: unknown) => {
        logger.warn({ reason: reasonOf(error) }, "could not set the commands in Telegram's menu");
      });
    },
    async stopIntake() {
      clearInterval(waitingTimer);
      await Promise.all([intake?.stop(), forgetting?.stop()]);
    },
    async stop(graceMs) {
      await Promise.all([outbox.stop(graceMs), stage.stop(graceMs)]);
    },
    makeOwnerInvite: async () => inviteLink(me.username, await makeInvite(db, "owner", null)),
  };
}
