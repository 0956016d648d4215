/**
 * The bot's own sentences: sent within the chat's budget and in order, without delaying the update that caused them.
 *
 * Only for messages that may be lost in the worst case, such as the answer to a command. Replies of the Assistant go through
 * `reply/`.
 */
import type { Api, Context } from "grammy";
import type { InlineKeyboardMarkup, ReplyKeyboardMarkup } from "grammy/types";
import type { Logger } from "../../observability/logger.ts";
import { type Clock, systemClock } from "../budget/clock.ts";
import type { BudgetChat, Priority, SendBudget } from "../budget/send-budget.ts";
import { placeOf } from "../context.ts";
import { createMessageQueue } from "./message-queue.ts";

type Markup = InlineKeyboardMarkup | ReplyKeyboardMarkup;

export interface SystemMessages {
  /** Sends a text to the chat of the update; returns at once, before it is sent. */
  say(ctx: Context, text: string, markup?: Markup): void;
  /** The same with low priority: it leaves the chat's last slot to a final answer. */
  sayLowPriority(ctx: Context, text: string): void;
  /** Removes the buttons of the message whose button was pressed. */
  removeKeyboard(ctx: Context): void;
  /** Waits up to `graceMs` for queued messages; drops the rest. */
  stop(graceMs: number): Promise<void>;
}

export interface SystemMessagesDeps {
  api: Api;
  budget: SendBudget;
  clock?: Clock;
  logger: Logger;
}

/** The system messages of one bot. */
export function createSystemMessages({ api, budget, clock = systemClock, logger }: SystemMessagesDeps): SystemMessages {
  const queue = createMessageQueue({ budget, clock, logger });
  const say = (ctx: Context, priority: Priority, message: SystemMessage) =>
    queue.add({ chat: chatOf(ctx), priority, send: prepareSend(api, ctx, message) });
  return {
    say: (ctx, text, markup) => say(ctx, "message", { text, ...(markup ? { markup } : {}) }),
    sayLowPriority: (ctx, text) => say(ctx, "edit", { text }),
    removeKeyboard(ctx) {
      const pressed = ctx.callbackQuery?.message;
      if (!pressed) return;
      const chat = chatOf(ctx);
      const send = () => api.editMessageReplyMarkup(chat.telegramId, pressed.message_id);
      queue.add({ chat, priority: "edit", send });
    },
    stop: queue.stop,
  };
}

interface SystemMessage {
  text: string;
  markup?: Markup;
}

function prepareSend(api: Api, ctx: Context, { text, markup }: SystemMessage): (mayQuote: boolean) => Promise<unknown> {
  const { telegramId, isGroup } = chatOf(ctx);
  const topicId = messageIdIn(placeOf(ctx).topicId);
  // In a group the message replies to the person. A pressed button has no message of theirs.
  const askedIn = isGroup ? messageIdIn(ctx.message?.message_id) : null;
  const options = {
    ...(topicId === null ? {} : { message_thread_id: topicId }),
    ...(markup ? { reply_markup: markup } : {}),
    link_preview_options: { is_disabled: true },
  };
  const quote =
    askedIn === null ? {} : { reply_parameters: { message_id: askedIn, allow_sending_without_reply: true } };
  return (mayQuote) => api.sendMessage(telegramId, text, { ...options, ...(mayQuote && quote) });
}

/** Null for an invalid message id: Telegram would refuse the message for it. */
function messageIdIn(id: number | null | undefined): number | null {
  return id && Number.isSafeInteger(id) ? id : null;
}

function chatOf(ctx: Context): BudgetChat {
  const { chat } = placeOf(ctx);
  return { telegramId: chat.telegramId, isGroup: chat.type !== "private" };
}
