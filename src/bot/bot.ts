/**
 * The Telegram bot, put together: who may speak, what they can say, where the answers are shown, how updates come in.
 *
 * Handlers translate and delegate; each commits with one call. It knows nothing of the model and the tools.
 */

import { Api, Bot } from "grammy";
import type { Update, UserFromGetMe } from "grammy/types";
import type { Database, Db } from "../db/client.ts";
import { createCoalescer } from "../db/notify/coalesce.ts";
import type { StartupError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { ReplyMeter, RunMeter, TelegramMeter } from "../observability/meter.ts";
import { untilAborted, waitUpTo } from "../process/timeout.ts";
import type { Shop } from "../shop/shop.ts";
import { createAccess, inviteLink, makeFirstOwnerInvite } from "./access.ts";
import { createButtons } from "./buttons.ts";
import { createRecordCancelledRuns } from "./cancelled-runs.ts";
import { createCommands, publishCommands } from "./commands.ts";
import type { BotContext } from "./context.ts";
import { createReportFailedUpdate } from "./intake/failed-update.ts";
import { createOverload } from "./intake/overload.ts";
import { startPolling } from "./intake/polling.ts";
import { createProcessUpdate } from "./intake/process-update.ts";
import { startUpdateRetention } from "./intake/update-retention.ts";
import { startWebhook, type Webhook } from "./intake/webhook.ts";
import { createMessages, createMigration } from "./messages.ts";
import { createRateWindowStore } from "./reply/budget/rate-window-store.ts";
import { createSendBudget } from "./reply/budget/send-budget.ts";
import { createReplyPresenter, type ReplyPresenter } from "./reply/reply-presenter.ts";
import { HeldCallError } from "./telegram/api-errors.ts";
import { reasonOf } from "./telegram/call-failure.ts";
import { type Clock, systemClock } from "./telegram/clock.ts";
import { CALL_TIMEOUT_SECONDS, clientOptions, fetchBotInfo, type TelegramAccess } from "./telegram/connection.ts";
import { countCalls } from "./telegram/metered-calls.ts";
import { createSystemMessages } from "./telegram/system-messages.ts";

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
  /** Whether this process holds its worker's number, as far as it has heard. */
  isAlive(): boolean;
  /** Whether this process may act where others see it: not after it was frozen, until it has heard from the database. */
  mayCall(): boolean;
  isDatabaseUp(): Promise<boolean>;
  /** Telegram refused the token while running: the process has to end. */
  onRefused(error: StartupError): void;
  /** Gives up asking Telegram who the bot is. */
  stopping?: AbortSignal | undefined;
  meter?: TelegramMeter & ReplyMeter & Pick<RunMeter, "runEnded">;
  /** By which calls are spaced; the system's when left out. */
  clock?: Clock;
  logger: Logger;
}

export interface TelegramBot {
  readonly me: UserFromGetMe;
  readonly presenter: ReplyPresenter;
  /** So many processes send for the bot now, this one among them. */
  share(processes: number): void;
  /** Chats that Telegram has asked to leave alone for now. */
  frozenChats(): number;
  /** Whether more comes in than answers could be shown for. */
  isOverloaded(): boolean;
  /** Begins to take updates in and to deliver what was left. */
  start(): void;
  /** The worker's number is dead: what this process drew and fetched may be another's from now on. */
  loseAll(): void;
  /** Takes no more updates in; what is in hand is committed when this settles. */
  stopIntake(): Promise<void>;
  /** Delivers what it can within `graceMs`; the rest stays in the database. */
  stop(graceMs: number): Promise<void>;
  /** A link by which the first person who opens it becomes the owner. Earlier links end. */
  makeOwnerInvite(): Promise<string>;
}

const POLL_TIMEOUT_SECONDS = 45;
/** How often what dead processes left undelivered is looked for, in milliseconds. */
const WAITING_LOOK_INTERVAL_MS = 1_000;

/** How long updates in hand may take to be committed when the process stops, in milliseconds. */
const INTAKE_STOP_LIMIT_MS = 5_000;
/** How long what was shown last may take to be stored when the process stops, in milliseconds. */
const STORE_LIMIT_MS = 5_000;

/**
 * Makes the bot and asks Telegram who it is.
 *
 * @throws {StartupError} when Telegram refuses the token or cannot be reached.
 */
export async function createTelegramBot(deps: TelegramBotDeps): Promise<TelegramBot> {
  const { clock = systemClock, logger, telegram } = deps;
  const me = await untilAborted(deps.stopping, fetchBotInfo(telegram));
  const bot = new Bot<BotContext>(telegram.token, {
    client: clientOptions(telegram, CALL_TIMEOUT_SECONDS),
    botInfo: me,
  });
  const counting = deps.meter ? [countCalls(deps.meter)] : [];
  bot.api.config.use(...counting);
  const { callsPerSecond } = telegram;
  const budget = createSendBudget({ clock, ...(callsPerSecond === undefined ? {} : { callsPerSecond }) });
  bot.api.config.use((callApi, method, payload, signal) => {
    if (!deps.mayCall()) throw new HeldCallError();
    return callApi(method, payload, signal);
  });
  const systemMessages = createSystemMessages({ api: bot.api, budget, clock, logger });
  const presenter = createReplyPresenter({
    db: deps.db,
    api: bot.api,
    botId: me.id,
    budget,
    toolLabel: deps.toolLabel,
    workerId: deps.workerId,
    clock,
    ...(deps.meter ? { meter: deps.meter } : {}),
    logger,
  });
  const { db } = deps.database;
  bot.use(createMigration(db));
  bot.use(createAccess({ ...deps, db, systemMessages }));
  const notifier = createCoalescer(db, (error) =>
    logger.warn({ err: error }, "could not tell the workers of a message"),
  );
  const recordCancelledRuns = createRecordCancelledRuns(deps);
  bot.use(createButtons({ ...deps, db, notifier, systemMessages, recordCancelledRuns }));
  bot.use(createCommands({ ...deps, db, systemMessages, recordCancelledRuns }));
  bot.use(createMessages({ db, notifier, systemMessages, logger }));

  const windows = createRateWindowStore({ db: deps.db, botId: me.id, budget, workerId: deps.workerId, logger });
  const rush = createOverload();
  const startIntake = () => {
    const handle = (update: Update) => {
      rush.note();
      return bot.handleUpdate(update);
    };
    const processUpdate = createProcessUpdate({
      ...deps,
      handle,
      giveUp: createReportFailedUpdate({ db, systemMessages, logger }),
    });
    if (deps.webhook) return startWebhook({ ...deps, api: bot.api, webhook: deps.webhook, processUpdate });
    const api = new Api(telegram.token, clientOptions(telegram, POLL_TIMEOUT_SECONDS));
    api.config.use(...counting);
    return startPolling({ ...deps, api, botId: me.id, processUpdate });
  };
  let intake: { stop(): Promise<void>; loseTurn?(): void } | undefined;
  let forgetting: { stop(): Promise<void> } | undefined;
  let waitingTimer: NodeJS.Timeout | undefined;
  const deliverWaiting = () => {
    if (!deps.mayCall()) return;
    presenter
      .deliverWaiting()
      .catch((error: unknown) => logger.warn({ err: error }, "could not look for waiting replies"));
  };

  return {
    me,
    presenter,
    share: budget.share,
    frozenChats: budget.frozenChats,
    isOverloaded: rush.isOn,
    start() {
      intake = startIntake();
      forgetting = startUpdateRetention({ db, logger });
      deliverWaiting();
      waitingTimer = setInterval(deliverWaiting, WAITING_LOOK_INTERVAL_MS);
      publishCommands(bot.api).catch((error: unknown) => {
        logger.warn({ reason: reasonOf(error) }, "could not set the commands in Telegram's menu");
      });
    },
    loseAll() {
      presenter.abandonAll();
      intake?.loseTurn?.();
    },
    async stopIntake() {
      clearInterval(waitingTimer);
      // What a silent database does not commit by then is not confirmed to Telegram either, and comes again.
      await waitUpTo(INTAKE_STOP_LIMIT_MS, Promise.all([intake?.stop(), forgetting?.stop()]));
    },
    async stop(graceMs) {
      await waitUpTo(graceMs + STORE_LIMIT_MS, Promise.all([systemMessages.stop(graceMs), presenter.stop(graceMs)]));
      await waitUpTo(STORE_LIMIT_MS, windows.stop());
    },
    makeOwnerInvite: async () => inviteLink(me.username, await makeFirstOwnerInvite(db)),
  };
}
