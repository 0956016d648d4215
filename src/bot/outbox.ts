/**
 * The bot's own sentences on their way out: within the chat's budget, in order, never holding an update up.
 *
 * For what may be lost in the worst case (an answer to a command): a reply of the Assistant goes through `reply/`.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Api, Context } from "grammy";
import type { InlineKeyboardMarkup, ReplyKeyboardMarkup } from "grammy/types";
import type { Logger } from "../logger.ts";
import { waitUpTo } from "../wait-up-to.ts";
import { placeOf } from "./context.ts";
import type { BudgetChat, Priority, SendBudget } from "./reply/send-budget.ts";
import { sortFailure } from "./telegram-answer.ts";

type Markup = InlineKeyboardMarkup | ReplyKeyboardMarkup;

export interface Outbox {
  /** Says something in the chat of the update; answers at once, before it is sent. */
  say(ctx: Context, text: string, markup?: Markup): void;
  /** The same for what can wait: it leaves the chat's last slot to an answer that is about to end. */
  sayInPassing(ctx: Context, text: string): void;
  /** Takes the buttons away beneath the message whose button was pressed. */
  dropButtons(ctx: Context): void;
  /** Waits up to `graceMs` for what is on its way. */
  stop(graceMs: number): Promise<void>;
}

/** How often one sentence is tried, and how long it may be on its way: later nobody waits for it. */
const MAX_TRIES = 5;
const LIFETIME_MS = 120_000;
/** Before a process that must not act looks whether it may again, in milliseconds. */
const HELD_PAUSE_MS = 1_000;

/** An outbox of one bot. */
export function createOutbox({ api, budget, logger }: { api: Api; budget: SendBudget; logger: Logger }): Outbox {
  const lastOf = new Map<number, Promise<void>>();

  const deliver = async (chat: BudgetChat, priority: Priority, send: () => Promise<unknown>) => {
    const lifetime = AbortSignal.timeout(LIFETIME_MS);
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const slot = await budget.take(chat, () => priority, lifetime);
      try {
        await send();
        slot.end();
        return;
      } catch (error) {
        const answer = sortFailure(error);
        if (answer.kind === "held") slot.giveBack();
        else slot.end(answer.kind !== "unknown");
        if (answer.kind === "wait") budget.freeze(chat, answer.seconds);
        else if (answer.kind === "held") await pause(HELD_PAUSE_MS, undefined, { signal: lifetime });
        else {
          logger.warn({ kind: answer.kind, chatId: chat.telegramId, tries }, "a sentence of the bot was not delivered");
          // Sent again it might stand there twice: a sentence that is lost can be asked for again.
          return;
        }
      }
    }
  };

  const enqueue = (chat: BudgetChat, priority: Priority, send: () => Promise<unknown>) => {
    const before = lastOf.get(chat.telegramId) ?? Promise.resolve();
    const done = before
      .then(() => deliver(chat, priority, send))
      .catch((error: unknown) =>
        logger.warn({ err: error, chatId: chat.telegramId }, "a sentence of the bot was given up"),
      );
    lastOf.set(chat.telegramId, done);
    void done.then(() => {
      if (lastOf.get(chat.telegramId) === done) lastOf.delete(chat.telegramId);
    });
  };

  const post = (ctx: Context, text: string, how: { priority: Priority; markup?: Markup }) => {
    const { priority, markup } = how;
    const place = placeOf(ctx);
    const chat = chatOf(place);
    // In a group it is said to whom; a pressed button was no message.
    const asked = ctx.message?.message_id;
    const send = () =>
      api.sendMessage(chat.telegramId, text, {
        ...(place.topicId === null ? {} : { message_thread_id: place.topicId }),
        ...(markup ? { reply_markup: markup } : {}),
        ...(chat.isGroup && asked
          ? { reply_parameters: { message_id: asked, allow_sending_without_reply: true } }
          : {}),
        link_preview_options: { is_disabled: true },
      });
    enqueue(chat, priority, send);
  };

  return {
    say: (ctx, text, markup) => post(ctx, text, { priority: "message", ...(markup ? { markup } : {}) }),
    sayInPassing: (ctx, text) => post(ctx, text, { priority: "edit" }),
    dropButtons(ctx) {
      const pressed = ctx.callbackQuery?.message;
      if (!pressed) return;
      const chat = chatOf(placeOf(ctx));
      enqueue(chat, "edit", () => api.editMessageReplyMarkup(chat.telegramId, pressed.message_id));
    },
    stop: (graceMs) => waitUpTo(graceMs, Promise.all(lastOf.values())),
  };
}

function chatOf({ chat }: ReturnType<typeof placeOf>): BudgetChat {
  return { telegramId: chat.telegramId, isGroup: chat.type !== "private" };
}
