/**
 * The bot's own sentences on their way out: within the chat's budget, in order, never holding an update up.
 *
 * For what may be lost in the worst case (an answer to a command): a reply of the Assistant goes through `reply/`.
 */
import type { Api, Context } from "grammy";
import type { InlineKeyboardMarkup, ReplyKeyboardMarkup } from "grammy/types";
import type { Logger } from "../../observability/logger.ts";
import { backoffMs } from "../../process/retry.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { placeOf } from "../context.ts";
import type { BudgetChat, Priority, SendBudget } from "../reply/budget/send-budget.ts";
import { sortFailure, type TelegramAnswer } from "./api-errors.ts";
import { reasonOf } from "./call-failure.ts";
import { type Clock, systemClock } from "./clock.ts";

type Markup = InlineKeyboardMarkup | ReplyKeyboardMarkup;

export interface SystemMessages {
  /** Says something in the chat of the update; answers at once, before it is sent. */
  say(ctx: Context, text: string, markup?: Markup): void;
  /** The same for what can wait: it leaves the chat's last slot to an answer that is about to end. */
  sayInPassing(ctx: Context, text: string): void;
  /** Takes the buttons away beneath the message whose button was pressed. */
  dropButtons(ctx: Context): void;
  /** Waits up to `graceMs` for what is on its way; the rest is given up. */
  stop(graceMs: number): Promise<void>;
}

/** How long a sentence may be on its way, from when it was said, in milliseconds: later nobody waits for it. */
const LIFETIME_MS = 120_000;
/** How often Telegram may ask to wait before one sentence. */
const MAX_WAITS = 5;
/** Before a process that must not act looks whether it may again, in milliseconds. */
const HELD_PAUSE_MS = 1_000;
/** Before Telegram, which was not reached, is tried again: longer each time, in milliseconds. */
const BACKOFF = { firstMs: 500, longestMs: 10_000 };
/** Sentences of one chat that are on their way at once. Nobody reads more: somebody presses buttons for the fun of it. */
const MAX_SENTENCES = 20;

export interface SystemMessagesDeps {
  api: Api;
  budget: SendBudget;
  clock?: Clock;
  logger: Logger;
}

interface Sentence {
  chat: BudgetChat;
  priority: Priority;
  send(): Promise<unknown>;
  /** Aborts when nobody waits for it any more. */
  signal: AbortSignal;
}

/** The sentences of a chat, one behind the other. */
interface Line {
  last: Promise<void>;
  length: number;
  /** Whether one was dropped because there were too many. */
  isOverfull: boolean;
}

/** An outbox of one bot. */
export function createSystemMessages({ api, budget, clock = systemClock, logger }: SystemMessagesDeps): SystemMessages {
  const lines = new Map<number, Line>();
  const underWay = new Set<AbortController>();

  const deliverOrGiveUp = async (sentence: Sentence) => {
    const { telegramId: chatId } = sentence.chat;
    try {
      const reason = await deliver({ budget, clock }, sentence);
      if (reason !== null) logger.warn({ reason, chatId }, GIVEN_UP);
    } catch (error) {
      logger.warn({ reason: reasonOf(error), chatId }, GIVEN_UP);
    }
  };

  const enqueue = (chat: BudgetChat, priority: Priority, send: () => Promise<unknown>) => {
    const { telegramId: chatId } = chat;
    const line = lines.get(chatId) ?? { last: Promise.resolve(), length: 0, isOverfull: false };
    if (line.length === MAX_SENTENCES) {
      if (!line.isOverfull) logger.warn({ chatId }, "too many sentences of the bot wait in a chat: more are dropped");
      line.isOverfull = true;
      return;
    }
    const life = new AbortController();
    const cancelEnd = clock.after(LIFETIME_MS, () => life.abort(new Error("nobody waits for it any more")));
    underWay.add(life);
    line.length += 1;
    line.last = line.last
      .then(() => deliverOrGiveUp({ chat, priority, send, signal: life.signal }))
      .then(() => {
        cancelEnd();
        underWay.delete(life);
        line.length -= 1;
        if (line.length === 0) lines.delete(chatId);
      });
    lines.set(chatId, line);
  };

  const post = (ctx: Context, text: string, how: { priority: Priority; markup?: Markup }) => {
    const { priority, markup } = how;
    const place = placeOf(ctx);
    const chat = chatOf(place);
    // In a group it is said to whom; a pressed button was no message.
    const asked = messageIdIn(ctx.message?.message_id);
    const topicId = messageIdIn(place.topicId);
    const send = () =>
      api.sendMessage(chat.telegramId, text, {
        ...(topicId === null ? {} : { message_thread_id: topicId }),
        ...(markup ? { reply_markup: markup } : {}),
        ...(chat.isGroup && asked !== null
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
    async stop(graceMs) {
      const done = Promise.all([...lines.values()].map(({ last }) => last));
      await waitUpTo(graceMs, done);
      for (const life of underWay) life.abort(new Error("the process stops"));
    },
  };
}

const GIVEN_UP = "a sentence of the bot was given up";

/** Sends it once it may be sent. @returns why it was given up; null when it was not. Throws when its time is over. */
async function deliver(
  { budget, clock }: { budget: SendBudget; clock: Clock },
  { chat, priority, send, signal }: Sentence,
): Promise<string | null> {
  let waits = 0;
  let failures = 0;
  for (;;) {
    const slot = await budget.take(chat, () => priority, signal);
    const answer = await answerOf(send);
    if (answer.kind === "held") slot.giveBack();
    else slot.end(answer.kind !== "unknown");
    switch (answer.kind) {
      case "done":
        return null;
      case "held":
        await pause(clock, HELD_PAUSE_MS, signal);
        break;
      case "wait":
        budget.freeze(chat, answer.seconds);
        waits += 1;
        if (waits > MAX_WAITS) return "asked to wait too often";
        break;
      default:
        // Sent again after an answer that was lost, it might stand there twice: one that is lost can be asked for again.
        if (answer.kind !== "unknown" || answer.mayBeDone) return answer.kind;
        failures += 1;
        await pause(clock, backoffMs(failures, BACKOFF), signal);
    }
  }
}

async function answerOf(send: () => Promise<unknown>): Promise<TelegramAnswer> {
  try {
    await send();
    return { kind: "done" };
  } catch (error) {
    return sortFailure(error);
  }
}

/** Waits so long; rejects when `signal` aborts meanwhile. */
async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const cancel = clock.after(delayMs, resolve);
  await promise.finally(() => {
    cancel();
    signal.removeEventListener("abort", onAbort);
  });
}

/** Null for what no message has as its number: with it the sentence would be refused. */
function messageIdIn(id: number | null | undefined): number | null {
  return id && Number.isSafeInteger(id) ? id : null;
}

function chatOf({ chat }: ReturnType<typeof placeOf>): BudgetChat {
  return { telegramId: chat.telegramId, isGroup: chat.type !== "private" };
}
