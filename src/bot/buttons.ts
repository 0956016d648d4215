/**
 * The buttons: the two questions under the input of a private chat, and what is pressed beneath messages (stop, a thread
 * to go on in, a person to remove).
 */
import { Composer, InlineKeyboard, Keyboard } from "grammy";
import type { ReplyKeyboardMarkup } from "grammy/types";
import type { Db } from "../db/client.ts";
import { resumeThread, stopRuns, type ThreadSummary } from "../db/queries/conversations.ts";
import { removeStaffMember, type StaffMember } from "../db/queries/staff.ts";
import type { Logger } from "../logger.ts";
import { isHigherRole } from "../roles.ts";
import { type BotContext, placeOf, textsFor } from "./context.ts";
import type { Outbox } from "./outbox.ts";
import type { Texts } from "./texts.ts";

export interface ButtonDeps {
  db: Db;
  outbox: Outbox;
  ownerTelegramIds: readonly number[];
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

/** A button for each thread, the title on it. */
export function threadButtons(threads: ThreadSummary[]): InlineKeyboard {
  const keyboard = new InlineKeyboard();
  for (const { id, title, status } of threads) {
    keyboard.text(`${status === "open" ? "● " : ""}${title ?? ""}`, `thread:${id}`).row();
  }
  return keyboard;
}

/** A button for each person who can be removed. */
export function removeButtons(people: StaffMember[], texts: Texts): InlineKeyboard {
  const keyboard = new InlineKeyboard();
  for (const { telegramUserId, name, role } of people) {
    keyboard.text(`${name} (${texts.roles[role]})`, `remove:${telegramUserId}`).row();
  }
  return keyboard;
}

/** What happens when a button beneath a message is pressed. */
export function createButtons(deps: ButtonDeps): Composer<BotContext> {
  const buttons = new Composer<BotContext>();

  buttons.callbackQuery(/^stop:(.+)$/, async (ctx) => {
    const texts = textsFor(ctx);
    const place = placeOf(ctx);
    const runId = ctx.match[1];
    const mayStopAll = ctx.chat?.type === "private" || isHigherRole(ctx.staffMember.role, "staff");
    const only = mayStopAll ? {} : { askerId: ctx.staffMember.id };
    const stopped = place && isUuid(runId) ? await stopRuns(deps.db, place, { ...only, runId }) : 0;
    answer(ctx, stopped > 0 ? texts.stopping : mayStopAll ? texts.nothingToStop : texts.onlyOwnStop);
  });

  buttons.callbackQuery(/^thread:(.+)$/, async (ctx) => {
    const texts = textsFor(ctx);
    const place = placeOf(ctx);
    const threadId = ctx.match[1];
    const thread = place && isUuid(threadId) ? await resumeThread(deps.db, place, threadId) : undefined;
    answer(ctx, "");
    deps.outbox.say(ctx, thread ? texts.resumed(thread.title ?? "") : texts.threadGone);
  });

  buttons.callbackQuery(/^remove:(\d+)$/, async (ctx) => {
    answer(ctx, "");
    deps.outbox.say(ctx, await removeStaff(deps, ctx, { telegramUserId: Number(ctx.match[1]) }));
  });

  buttons.on("callback_query", (ctx) => answer(ctx, ""));

  // Telegram shows a pressed button as busy until it is answered; whether that gets through changes nothing.
  const answer = (ctx: BotContext, text: string) => {
    ctx.answerCallbackQuery(text === "" ? {} : { text }).catch((error: unknown) => {
      deps.logger.debug({ err: error }, "could not answer a pressed button");
    });
  };
  return buttons;
}

/** Takes a person's access away, for an owner. @returns the sentence that says what became of it. */
export async function removeStaff(
  deps: Pick<ButtonDeps, "db" | "ownerTelegramIds">,
  ctx: BotContext,
  who: { telegramUserId: number } | { username: string },
): Promise<string> {
  const texts = textsFor(ctx);
  const { staffMember } = ctx;
  if (staffMember.role !== "owner") return texts.ownersOnly;
  const isSelf =
    "username" in who
      ? who.username.toLowerCase() === staffMember.username?.toLowerCase()
      : who.telegramUserId === staffMember.telegramUserId;
  if (isSelf) return texts.removeSelf;
  if ("telegramUserId" in who && deps.ownerTelegramIds.includes(who.telegramUserId)) {
    return texts.removeConfigured(String(who.telegramUserId));
  }
  const removed = await removeStaffMember(deps.db, who);
  if (!removed) return texts.removeUnknown;
  // By name, a configured owner is found only now: they come back with their next message.
  return deps.ownerTelegramIds.includes(removed.telegramUserId)
    ? texts.removeConfigured(removed.name)
    : texts.removed(removed.name);
}

function isUuid(text: string | undefined): text is string {
  return text !== undefined && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
}
