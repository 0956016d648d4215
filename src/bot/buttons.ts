/**
 * The buttons: the two questions under the input of a private chat, and what is pressed beneath messages (stop, retry, a
 * thread to go on in, a person to remove).
 */
import { Composer, InlineKeyboard, Keyboard } from "grammy";
import type { ReplyKeyboardMarkup } from "grammy/types";
import type { Db } from "../db/client.ts";
import type { Coalescer } from "../db/notify/coalesce.ts";
import {
  findStaffMember,
  findStaffMemberByUsername,
  removeStaffMember,
  type StaffMember,
} from "../db/queries/chat/staff.ts";
import { resumeThread, type StoppedRuns, stopRuns, type ThreadSummary } from "../db/queries/chat/threads.ts";
import { type RetriedQuestion, retryQuestion } from "../db/queries/runs/retry.ts";
import type { RunOutcome } from "../events.ts";
import type { Logger } from "../observability/logger.ts";
import { isOfSandbox } from "../shop/telegram-ids.ts";
import type { RecordCancelledRuns } from "./cancelled-runs.ts";
import { type BotContext, languageOf, placeOf, stoppableBy, textsFor } from "./context.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";
import type { Texts } from "./texts.ts";

export interface ButtonDeps {
  db: Db;
  /** Tells the workers of what was taken in. */
  bell: Coalescer;
  systemMessages: SystemMessages;
  ownerTelegramIds: readonly number[];
  recordCancelledRuns: RecordCancelledRuns;
  logger: Logger;
}

/** The two questions, under the input. What they send is an ordinary message. */
export function mainKeyboard(texts: Texts): ReplyKeyboardMarkup {
  const keyboard = new Keyboard().text(texts.buttons.stock).text(texts.buttons.yesterday);
  return { keyboard: keyboard.build(), resize_keyboard: true, is_persistent: true };
}

/** What the stop button beneath a reply sends; Telegram allows 64 bytes. */
export function stopData(runId: string): string {
  return `stop:${runId}`;
}

/** What the retry button beneath a reply that came to nothing sends. */
export function retryData(runId: string): string {
  return `retry:${runId}`;
}

/** Faults that pass: the same question may well be answered the next time. */
const PASSING_FAULTS = new Set([
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

/** Whether a run that ended so gets a button that asks the same again. */
export function isWorthRetrying({ status, errorCode }: RunOutcome): boolean {
  return status === "failed" && errorCode !== null && PASSING_FAULTS.has(errorCode);
}

/** A button for each thread, the title on it. */
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

/** What happens when a button beneath a message is pressed. */
export function createButtons(deps: ButtonDeps): Composer<BotContext> {
  const buttons = new Composer<BotContext>();
  const answer = (ctx: BotContext, text: string) => answerPress(ctx, text, deps.logger);

  buttons.callbackQuery(/^stop:(.+)$/, async (ctx) => {
    const texts = textsFor(ctx);
    const runId = ctx.match[1];
    const change = { updateId: ctx.update.update_id, ...stoppableBy(ctx) };
    const stopped = isUuid(runId) ? await stopRuns(deps.db, placeOf(ctx), { ...change, runId }) : NOTHING_STOPPED;
    deps.recordCancelledRuns(stopped?.cancelled ?? []);
    answer(ctx, afterStop(texts, stopped));
  });

  buttons.callbackQuery(/^retry:(.+)$/, async (ctx) => {
    const runId = ctx.match[1];
    const language = languageOf(ctx);
    const retry = { ...placeOf(ctx), updateId: ctx.update.update_id, author: ctx.staffMember, language };
    const retried: RetriedQuestion = isUuid(runId)
      ? await retryQuestion(deps.db, { ...retry, runId })
      : { outcome: "nothing" };
    const { outcome } = retried;
    if (retried.outcome === "queued") deps.bell.notify({ type: "run-queued", runId: retried.runId });
    answer(ctx, afterRetry(textsFor(ctx), outcome));
    if (outcome === "queued" || outcome === "asked-again") deps.systemMessages.dropButtons(ctx);
  });

  buttons.callbackQuery(/^thread:(.+)$/, async (ctx) => {
    const texts = textsFor(ctx);
    const threadId = ctx.match[1];
    const change = { updateId: ctx.update.update_id };
    const thread = isUuid(threadId) ? await resumeThread(deps.db, placeOf(ctx), { ...change, threadId }) : null;
    answer(ctx, "");
    if (thread !== undefined)
      deps.systemMessages.say(ctx, thread ? texts.resumed(thread.title ?? "") : texts.threadGone);
  });

  buttons.callbackQuery(/^remove:(\d+)$/, async (ctx) => {
    answer(ctx, "");
    deps.systemMessages.say(ctx, await removeStaff(deps, ctx, { telegramUserId: Number(ctx.match[1]) }));
  });

  buttons.on("callback_query", (ctx) => answer(ctx, ""));

  return buttons;
}

const NOTHING_STOPPED: StoppedRuns = { running: 0, cancelled: [], refused: 0 };

/** What the stop button answers; an update that comes again is answered as the first time. */
function afterStop(texts: Texts, stopped: StoppedRuns | undefined): string {
  if (!stopped || stopped.running + stopped.cancelled.length > 0) return texts.stopping;
  return stopped.refused > 0 ? texts.onlyOwnStop : texts.nothingToStop;
}

/** What the retry button answers; an update that comes again is answered as the first time. */
function afterRetry(texts: Texts, outcome: RetriedQuestion["outcome"]): string {
  if (outcome === "queued" || outcome === "seen-before") return texts.retrying;
  if (outcome === "asked-again") return texts.retriedAlready;
  if (outcome === "too-many") return texts.tooMany;
  return texts.nothingToRetry;
}

/** Answers a pressed button, which Telegram shows as busy until then; an empty `text` shows nothing. */
export function answerPress(ctx: BotContext, text: string, logger: Logger): void {
  ctx.answerCallbackQuery(text === "" ? {} : { text }).catch((error: unknown) => {
    // Whether it gets through changes nothing: Telegram gives up waiting by itself.
    logger.debug({ err: error }, "could not answer a pressed button");
  });
}

/** Takes a person's access away, for an owner. @returns the sentence that says what became of it. */
export async function removeStaff(
  { db, ownerTelegramIds, recordCancelledRuns }: Pick<ButtonDeps, "db" | "ownerTelegramIds" | "recordCancelledRuns">,
  ctx: BotContext,
  who: { telegramUserId: number } | { username: string },
): Promise<string> {
  const texts = textsFor(ctx);
  const { staffMember } = ctx;
  if (staffMember.role !== "owner") return texts.ownersOnly;
  const found = await findWho(db, who, isOfSandbox(ctx.me.id));
  const telegramUserId = "telegramUserId" in who ? who.telegramUserId : found?.telegramUserId;
  if (telegramUserId === staffMember.telegramUserId) return texts.removeSelf;
  if (telegramUserId !== undefined && ownerTelegramIds.includes(telegramUserId)) {
    return texts.removeConfigured(found?.name ?? String(telegramUserId));
  }
  const removal = found && (await removeStaffMember(db, found.telegramUserId));
  if (!removal) return texts.removeUnknown;
  recordCancelledRuns(removal.stopped.cancelled);
  return texts.removed(removal.removed.name);
}

async function findWho(
  db: Db,
  who: { telegramUserId: number } | { username: string },
  sandbox: boolean,
): Promise<StaffMember | undefined> {
  if ("username" in who) return findStaffMemberByUsername(db, { ...who, sandbox });
  const { telegramUserId } = who;
  // The sandbox knows nobody real, and a real bot nobody of the sandbox.
  if (isOfSandbox(telegramUserId) !== sandbox) return undefined;
  // More digits than any id has: nobody, and not even a number for the database.
  return Number.isSafeInteger(telegramUserId) ? findStaffMember(db, telegramUserId) : undefined;
}

function isUuid(text: string | undefined): text is string {
  return text !== undefined && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
}
