/**
 * The buttons: two questions below the input of a private chat, and the buttons below messages (stop, retry, resume a thread,
 * remove a person).
 */
import { Composer, InlineKeyboard, Keyboard } from "grammy";
import type { ReplyKeyboardMarkup } from "grammy/types";
import type { Db } from "../db/client.ts";
import type { Coalescer } from "../db/notify/coalesce.ts";
import type { StaffMember } from "../db/queries/chat/staff.ts";
import { resumeThread, type StoppedRuns, stopRuns, type ThreadSummary } from "../db/queries/chat/threads.ts";
import { type RetriedQuestion, retryQuestion } from "../db/queries/runs/retry.ts";
import type { RunOutcome } from "../events.ts";
import type { Logger } from "../observability/logger.ts";
import { shorten } from "../shop/shorten.ts";
import type { RecordCancelledRuns } from "./cancelled-runs.ts";
import { type BotContext, languageOf, placeOf, stoppableBy, textsFor } from "./context.ts";
import { removeStaff } from "./remove-staff.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";
import type { Texts } from "./texts.ts";

export interface ButtonDeps {
  db: Db;
  /** Notifies the workers of new runs. */
  notifier: Coalescer;
  systemMessages: SystemMessages;
  ownerTelegramIds: readonly number[];
  recordCancelledRuns: RecordCancelledRuns;
  logger: Logger;
}

/** The two questions below the input. A press sends an ordinary message. */
export function mainKeyboard(texts: Texts): ReplyKeyboardMarkup {
  const keyboard = new Keyboard().text(texts.buttons.stock).text(texts.buttons.yesterday);
  return { keyboard: keyboard.build(), resize_keyboard: true, is_persistent: true };
}

/** The callback data of a reply's stop button. Telegram allows 64 bytes. */
export function stopData(runId: string): string {
  return `stop:${runId}`;
}

/** The callback data of a failed reply's retry button. */
export function retryData(runId: string): string {
  return `retry:${runId}`;
}

/** Temporary faults: the same question may succeed later. */
const TEMPORARY_FAULTS = new Set([
  "MODEL_UNREACHABLE",
  "MODEL_UNAVAILABLE",
  "MODEL_CIRCUIT_OPEN",
  "MODEL_RATE_LIMITED",
  "MODEL_FAILED",
  "MODEL_STREAM_BROKEN",
  "MODEL_SILENT",
  "MODEL_TIMEOUT",
  "MODEL_EMPTY",
  "TOO_MANY_ATTEMPTS",
  "INTERNAL",
]);

/** Whether a run with this outcome gets a retry button. */
export function isWorthRetrying({ status, errorCode }: RunOutcome): boolean {
  return status === "failed" && errorCode !== null && TEMPORARY_FAULTS.has(errorCode);
}

/** A button for each thread, with its title. */
export function threadButtons(threads: ThreadSummary[]): InlineKeyboard {
  return InlineKeyboard.from(
    threads.map(({ id, title, status }) => [
      InlineKeyboard.text(`${status === "open" ? "● " : ""}${title ?? ""}`, `thread:${id}`),
    ]),
  );
}

/** A button for each person who can be removed. */
export function removeButtons(people: StaffMember[], texts: Texts): InlineKeyboard {
  return InlineKeyboard.from(
    people.map(({ telegramUserId, name, role }) => [
      InlineKeyboard.text(`${name} (${texts.roles[role]})`, `remove:${telegramUserId}`),
    ]),
  );
}

/** The handlers of pressed buttons; `access` lets only staff through. */
export function createButtons(deps: ButtonDeps): Composer<BotContext> {
  const { logger, systemMessages } = deps;
  const buttons = new Composer<BotContext>();
  buttons.callbackQuery(/^stop:(.+)$/, (ctx) => stopRun(deps, ctx, String(ctx.match[1])));
  buttons.callbackQuery(/^retry:(.+)$/, (ctx) => retryRun(deps, ctx, String(ctx.match[1])));
  buttons.callbackQuery(/^thread:(.+)$/, (ctx) => openThread(deps, ctx, String(ctx.match[1])));
  buttons.callbackQuery(/^remove:(\d+)$/, async (ctx) => {
    answerPress(ctx, "", logger);
    systemMessages.say(ctx, await removeStaff(deps, ctx, { telegramUserId: Number(ctx.match[1]) }));
  });
  buttons.on("callback_query", (ctx) => answerPress(ctx, "", logger));
  return buttons;
}

async function stopRun({ db, logger, recordCancelledRuns }: ButtonDeps, ctx: BotContext, runId: string): Promise<void> {
  const command = { updateId: ctx.update.update_id, ...stoppableBy(ctx), runId };
  const stopped = isUuid(runId) ? await stopRuns(db, placeOf(ctx), command) : NOTHING_STOPPED;
  recordCancelledRuns(stopped?.cancelled ?? []);
  answerPress(ctx, describeStop(textsFor(ctx), stopped), logger);
}

async function retryRun(deps: ButtonDeps, ctx: BotContext, runId: string): Promise<void> {
  const retry = {
    chat: placeOf(ctx).chat,
    updateId: ctx.update.update_id,
    author: ctx.staffMember,
    language: languageOf(ctx),
    runId,
  };
  const retried: RetriedQuestion = isUuid(runId) ? await retryQuestion(deps.db, retry) : { outcome: "nothing" };
  if (retried.outcome === "queued") deps.notifier.notify({ type: "run-queued", runId: retried.runId });
  answerPress(ctx, describeRetry(textsFor(ctx), retried.outcome), deps.logger);
  if (retried.outcome === "queued" || retried.outcome === "asked-again") deps.systemMessages.removeKeyboard(ctx);
}

async function openThread(
  { db, logger, systemMessages }: ButtonDeps,
  ctx: BotContext,
  threadId: string,
): Promise<void> {
  const texts = textsFor(ctx);
  const command = { updateId: ctx.update.update_id, threadId };
  const thread = isUuid(threadId) ? await resumeThread(db, placeOf(ctx), command) : null;
  const sentence = thread ? texts.resumed(thread.title ?? "") : texts.threadGone;
  // Of an old message, Telegram does not tell in which topic it is: a message would appear elsewhere.
  const isOld = ctx.callbackQuery?.message?.date === 0;
  answerPress(ctx, isOld ? shorten(sentence, MAX_PRESS_ANSWER) : "", logger);
  if (thread !== undefined && !isOld) systemMessages.say(ctx, sentence);
}

/** Telegram's limit of the text that answers a press. */
const MAX_PRESS_ANSWER = 200;

const NOTHING_STOPPED: StoppedRuns = { running: 0, cancelled: [], refused: 0 };

/** The answer to the stop button; a repeated update gets the same answer as the first time. */
function describeStop(texts: Texts, stopped: StoppedRuns | undefined): string {
  if (!stopped || stopped.running + stopped.cancelled.length > 0) return texts.stopping;
  return stopped.refused > 0 ? texts.onlyOwnStop : texts.nothingToStop;
}

/** The answer to the retry button; a repeated update gets the same answer as the first time. */
function describeRetry(texts: Texts, outcome: RetriedQuestion["outcome"]): string {
  if (outcome === "queued" || outcome === "seen-before") return texts.retrying;
  if (outcome === "asked-again") return texts.retriedAlready;
  if (outcome === "too-many") return texts.tooMany;
  return texts.nothingToRetry;
}

/** Answers a pressed button, which Telegram shows as busy until then. An empty `text` shows nothing. */
export function answerPress(ctx: BotContext, text: string, logger: Logger): void {
  ctx.answerCallbackQuery(text === "" ? {} : { text }).catch((error: unknown) => {
    // A lost answer does no harm: Telegram stops waiting after a while.
    logger.debug({ err: error }, "could not answer a pressed button");
  });
}

function isUuid(text: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
}
