/**
 * The Telegram bot: access control, handlers, replies, and the intake of updates, wired together.
 *
 * Handlers translate and delegate; each one makes one call that commits. The bot knows nothing of the model and the tools.
 */
import { type Api, Bot, type Transformer } from "grammy";
import type { UserFromGetMe } from "grammy/types";
import type { WorkerIdentity } from "../assistant/worker/worker-lease.ts";
import type { Database, Db } from "../db/client.ts";
import { createCoalescer } from "../db/notify/coalesce.ts";
import type { StartupError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { ReplyMeter, RunMeter, TelegramMeter } from "../observability/meter.ts";
import { waitUpTo } from "../process/timeout.ts";
import type { Shop } from "../shop/shop.ts";
import { createAccess, inviteLink, makeFirstOwnerInvite } from "./access.ts";
import { type Clock, systemClock } from "./budget/clock.ts";
import { createRateWindowStore } from "./budget/rate-window-store.ts";
import { createSendBudget } from "./budget/send-budget.ts";
import { createButtons } from "./buttons.ts";
import { createRecordCancelledRuns } from "./cancelled-runs.ts";
import { createCommands, publishCommands } from "./commands.ts";
import type { BotContext } from "./context.ts";
import { createReportFailedUpdate } from "./intake/failed-update.ts";
import { type Intake, startIntake } from "./intake/intake.ts";
import { createOverload } from "./intake/overload.ts";
import type { Webhook } from "./intake/webhook.ts";
import { createMessages, createMigration } from "./messages.ts";
import { createReplyPresenter, type ReplyPresenter } from "./reply/reply-presenter.ts";
import { HeldCallError } from "./telegram/api-errors.ts";
import { CALL_TIMEOUT_SECONDS, clientOptions, type TelegramAccess } from "./telegram/connection.ts";
import { countCalls } from "./telegram/metered-calls.ts";
import { createSystemMessages, type SystemMessages } from "./telegram/system-messages.ts";

export interface TelegramBotDeps {
  telegram: TelegramAccess;
  /** The bot's own account. */
  me: UserFromGetMe;
  /** For incoming updates: a connection pool of its own, so that they do not wait for answers. */
  database: Database;
  /** For outgoing replies. */
  db: Db;
  /** Null: updates are polled. */
  webhook: Webhook | null;
  shop: Shop;
  ownerTelegramIds: readonly number[];
  /** What a person reads while the tool with this name runs. */
  toolLabel(name: string, language: string): string;
  /** The worker of this process, and whether it may call Telegram now. */
  worker: WorkerIdentity;
  isDatabaseUp(): Promise<boolean>;
  /** Telegram refused the token while running: the process must end. */
  onRefused(error: StartupError): void;
  meter?: TelegramMeter & ReplyMeter & Pick<RunMeter, "runEnded">;
  /** Spaces the calls to Telegram. Default: the system clock. */
  clock?: Clock;
  /** Spaces polls that bring nothing. Default: the system clock. */
  pollClock?: Clock;
  logger: Logger;
}

export interface TelegramBot {
  readonly me: UserFromGetMe;
  readonly presenter: ReplyPresenter;
  /** This many processes send for the bot now, this one included. */
  share(processes: number): void;
  /** How many chats Telegram has asked to leave alone for now. */
  frozenChats(): number;
  /** Whether more updates arrive than answers could be sent. */
  isOverloaded(): boolean;
  /** Starts receiving updates and delivering waiting replies. */
  start(): void;
  /** The worker id is no longer valid: other processes may hold the replies and the polling of this one. */
  loseAll(): void;
  /** Receives no more updates; settles when the received ones are committed. */
  stopIntake(): Promise<void>;
  /** Delivers what it can within `graceMs`; the rest stays in the database. */
  stop(graceMs: number): Promise<void>;
  /** A link that makes the first person who opens it the owner. Earlier links expire. */
  makeOwnerInvite(): Promise<string>;
}

/** How often to look for waiting replies, in milliseconds. */
const WAITING_INTERVAL_MS = 1_000;
/** How long the updates in progress may take to commit at shutdown, in milliseconds. */
const INTAKE_STOP_LIMIT_MS = 5_000;
/** How long the delivery state may take to be stored at shutdown, in milliseconds. */
const STORE_LIMIT_MS = 5_000;

/** Creates the bot, not started yet. It makes no call. */
export function createTelegramBot(deps: TelegramBotDeps): TelegramBot {
  const { me } = deps;
  const { db } = deps.database;
  const bot = createClient(deps, me);
  const output = createOutput(deps, bot.api, me.id);
  const { budget, presenter } = output;
  const overload = createOverload();
  addHandlers(bot, deps, output.systemMessages);
  const stop = new AbortController();
  let intake: Intake | undefined;
  let waitingTimer: NodeJS.Timeout | undefined;

  return {
    me,
    presenter,
    share: budget.share,
    frozenChats: budget.frozenChats,
    isOverloaded: overload.isOverloaded,
    start() {
      intake = startBotIntake(bot, deps, { systemMessages: output.systemMessages, onUpdate: overload.recordUpdate });
      waitingTimer = startDeliveringWaiting(deps, presenter);
      void publishCommands(bot.api, deps.logger, stop.signal);
    },
    loseAll() {
      presenter.loseAll();
      intake?.endSession();
    },
    async stopIntake() {
      stop.abort();
      clearInterval(waitingTimer);
      // An update that a silent database does not commit by then is not confirmed to Telegram, so it comes again.
      await waitUpTo(INTAKE_STOP_LIMIT_MS, Promise.resolve(intake?.stop()));
    },
    stop: output.stop,
    makeOwnerInvite: async () => inviteLink(me.username, await makeFirstOwnerInvite(db)),
  };
}

function createClient(deps: TelegramBotDeps, me: UserFromGetMe): Bot<BotContext> {
  const client = clientOptions(deps.telegram, CALL_TIMEOUT_SECONDS);
  const bot = new Bot<BotContext>(deps.telegram.token, { client, botInfo: me });
  bot.api.config.use(...meterTransformers(deps));
  // Added last, it runs first: held calls are not counted.
  bot.api.config.use((call, method, payload, signal) => {
    if (!deps.worker.isFresh()) throw new HeldCallError();
    return call(method, payload, signal);
  });
  return bot;
}

function meterTransformers({ meter }: TelegramBotDeps): Transformer[] {
  return meter ? [countCalls(meter)] : [];
}

/** What sends: the bot's own messages and the replies, within one budget. */
function createOutput(deps: TelegramBotDeps, api: Api, botId: number) {
  const { clock = systemClock, db, logger, telegram } = deps;
  const { id: workerId } = deps.worker;
  const { callsPerSecond } = telegram;
  const budget = createSendBudget({ clock, ...(callsPerSecond === undefined ? {} : { callsPerSecond }) });
  const systemMessages = createSystemMessages({ api, budget, clock, logger });
  const presenter = createReplyPresenter({ ...deps, api, botId, budget, clock, workerId });
  const rateWindows = createRateWindowStore({ db, botId, budget, workerId, logger });
  return {
    budget,
    systemMessages,
    presenter,
    async stop(graceMs: number) {
      await waitUpTo(graceMs + STORE_LIMIT_MS, Promise.all([systemMessages.stop(graceMs), presenter.stop(graceMs)]));
      await waitUpTo(STORE_LIMIT_MS, rateWindows.stop());
    },
  };
}

function addHandlers(bot: Bot<BotContext>, deps: TelegramBotDeps, systemMessages: SystemMessages): void {
  const { database, logger } = deps;
  const { db } = database;
  const notifier = createCoalescer(db, (error) => logger.warn({ err: error }, "could not notify the workers"));
  const recordCancelledRuns = createRecordCancelledRuns(deps);
  bot.use(createMigration(db));
  bot.use(createAccess({ ...deps, db, systemMessages }));
  bot.use(createButtons({ ...deps, db, notifier, systemMessages, recordCancelledRuns }));
  bot.use(createCommands({ ...deps, db, systemMessages, recordCancelledRuns }));
  bot.use(createMessages({ db, notifier, systemMessages, logger }));
}

function startBotIntake(
  bot: Bot<BotContext>,
  deps: TelegramBotDeps,
  { systemMessages, onUpdate }: { systemMessages: SystemMessages; onUpdate: () => void },
): Intake {
  const { database, logger, worker } = deps;
  return startIntake({
    ...deps,
    workerId: worker.id,
    isAlive: worker.isAlive,
    api: bot.api,
    botId: bot.botInfo.id,
    transformers: meterTransformers(deps),
    handle(update) {
      onUpdate();
      return bot.handleUpdate(update);
    },
    reportFailure: createReportFailedUpdate({ db: database.db, systemMessages, logger }),
  });
}

/** Delivers waiting replies now and regularly. */
function startDeliveringWaiting({ logger, worker }: TelegramBotDeps, presenter: ReplyPresenter): NodeJS.Timeout {
  const deliver = () => {
    if (!worker.isFresh()) return;
    presenter
      .deliverWaiting()
      .catch((error: unknown) => logger.warn({ err: error }, "could not look for waiting replies"));
  };
  deliver();
  return setInterval(deliver, WAITING_INTERVAL_MS);
}
