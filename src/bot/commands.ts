/**
 * The commands: what each one does, and how Telegram's menu shows them.
 *
 * A repeated update changes nothing. A confirmation may be sent twice then: recording each one would cost a commit.
 */
import { type Api, Composer } from "grammy";
import type { Db } from "../db/client.ts";
import { closeThread, findThreads, stopRuns } from "../db/queries/chat/threads.ts";
import type { Logger } from "../observability/logger.ts";
import { type Retry, retry } from "../process/retry.ts";
import type { Shop } from "../shop/shop.ts";
import { mainKeyboard, threadButtons } from "./buttons.ts";
import type { RecordCancelledRuns } from "./cancelled-runs.ts";
import { type BotContext, placeOf, stoppableBy, textsFor } from "./context.ts";
import { inviteCommand, removeCommand } from "./owner-commands.ts";
import { isRefused, reasonOf, TELEGRAM_BACKOFF } from "./telegram/call-failure.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";
import { LANGUAGES, type Language, textsIn } from "./texts.ts";

export interface CommandDeps {
  db: Db;
  systemMessages: SystemMessages;
  shop: Shop;
  ownerTelegramIds: readonly number[];
  recordCancelledRuns: RecordCancelledRuns;
}

/** Threads that `/threads` lists: a screen full of buttons. */
const MAX_THREADS = 10;

/** The handlers of all commands; `access` lets only staff through. */
export function createCommands(deps: CommandDeps): Composer<BotContext> {
  const commands = new Composer<BotContext>();
  commands.command("start", (ctx) => startCommand(deps, ctx));
  commands.command("help", (ctx) => helpCommand(deps, ctx));
  commands.command("new", (ctx) => newCommand(deps, ctx));
  commands.command("stop", (ctx) => stopCommand(deps, ctx));
  commands.command("threads", (ctx) => threadsCommand(deps, ctx));
  commands.command("invite", (ctx) => inviteCommand(deps, ctx, ctx.match));
  commands.command("remove", (ctx) => removeCommand(deps, ctx, ctx.match));
  return commands;
}

function startCommand({ shop, systemMessages }: CommandDeps, ctx: BotContext): void {
  const texts = textsFor(ctx);
  const keyboard = ctx.chat?.type === "private" ? mainKeyboard(texts) : undefined;
  systemMessages.say(ctx, texts.start(shop.name, ctx.staffMember.name), keyboard);
}

function helpCommand({ systemMessages }: CommandDeps, ctx: BotContext): void {
  const texts = textsFor(ctx);
  systemMessages.say(ctx, texts.help + (ctx.staffMember.role === "owner" ? texts.ownerHelp : ""));
}

async function newCommand({ db, recordCancelledRuns, systemMessages }: CommandDeps, ctx: BotContext): Promise<void> {
  const texts = textsFor(ctx);
  const stopped = await closeThread(db, placeOf(ctx), { updateId: ctx.update.update_id, ...stoppableBy(ctx) });
  if (stopped === undefined) return;
  recordCancelledRuns(stopped?.cancelled ?? []);
  systemMessages.say(ctx, stopped ? texts.newThread : texts.alreadyNew);
}

async function stopCommand({ db, recordCancelledRuns, systemMessages }: CommandDeps, ctx: BotContext): Promise<void> {
  const texts = textsFor(ctx);
  const stopped = await stopRuns(db, placeOf(ctx), { updateId: ctx.update.update_id, ...stoppableBy(ctx) });
  if (!stopped) return;
  recordCancelledRuns(stopped.cancelled);
  // An answer in progress says itself that it was stopped.
  if (stopped.cancelled.length > 0) systemMessages.sayLowPriority(ctx, texts.stopped);
  else if (stopped.running === 0) systemMessages.say(ctx, texts.nothingToStop);
}

async function threadsCommand({ db, systemMessages }: CommandDeps, ctx: BotContext): Promise<void> {
  const texts = textsFor(ctx);
  const threads = await findThreads(db, placeOf(ctx), MAX_THREADS);
  if (threads.length === 0) systemMessages.say(ctx, texts.noThreads);
  else systemMessages.say(ctx, texts.pickThread, threadButtons(threads));
}

/**
 * Sets the commands in Telegram's menu, in every language. It retries until `signal` aborts or Telegram refuses; it never
 * rejects.
 */
export async function publishCommands(api: Api, logger: Logger, signal: AbortSignal): Promise<void> {
  const message = "could not set the commands in Telegram's menu";
  const options = {
    ...TELEGRAM_BACKOFF,
    signal,
    isRetryable: (error: unknown) => !isRefused(error),
    onRetry: ({ error, failures, waitMs }: Retry) =>
      logger.warn({ reason: reasonOf(error), failures, waitMs }, `${message}: trying again`),
  };
  for (const language of LANGUAGES) {
    await retry(() => setCommands(api, language), options).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ reason: reasonOf(error), language }, message);
    });
  }
}

async function setCommands(api: Api, language: Language): Promise<void> {
  const texts = Object.entries(textsIn(language).commands);
  const commands = texts.map(([command, description]) => ({ command, description }));
  // English is the default for all other languages.
  await api.setMyCommands(commands, language === "en" ? {} : { language_code: language });
}
