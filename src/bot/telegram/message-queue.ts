/**
 * A bounded queue per chat for short messages: sent one after the other, within the rate limits, and dropped after some time.
 */
import type { Logger } from "../../observability/logger.ts";
import { backoffMs } from "../../process/retry.ts";
import { waitUpTo } from "../../process/timeout.ts";
import type { Clock } from "../budget/clock.ts";
import type { BudgetChat, Priority, SendBudget } from "../budget/send-budget.ts";
import { classifyFailure, type TelegramAnswer } from "./api-errors.ts";
import { reasonOf } from "./call-failure.ts";

export interface QueuedCall {
  chat: BudgetChat;
  priority: Priority;
  /** `mayQuote`: whether it may reply to a message. False after Telegram said that this one is gone. */
  send(mayQuote: boolean): Promise<unknown>;
}

export interface MessageQueue {
  /** Adds a call and returns at once. */
  add(call: QueuedCall): void;
  /** Waits up to `graceMs` for the queued calls; drops the rest. */
  stop(graceMs: number): Promise<void>;
}

export interface MessageQueueDeps {
  budget: SendBudget;
  clock: Clock;
  logger: Logger;
}

/** How long a call may be queued, in milliseconds: later nobody waits for it. */
const LIFETIME_MS = 120_000;
/** How often Telegram may ask to wait for one call. */
const MAX_WAITS = 5;
/** How often a process that may not call Telegram checks whether it may again, in milliseconds. */
const HELD_CHECK_MS = 1_000;
/** The pauses between tries while Telegram cannot be reached. */
const BACKOFF = { firstMs: 500, longestMs: 10_000 };
/** Queued calls per chat. Nobody reads more: this is a person who presses buttons for fun. */
const MAX_QUEUED = 20;

/** The calls of a chat, one after the other. */
interface ChatLine {
  last: Promise<void>;
  length: number;
  /** Whether a call was dropped because the line was full. */
  isOverfull: boolean;
}

interface Queue extends MessageQueueDeps {
  readonly lines: Map<number, ChatLine>;
  /** Each queued call, to drop it. */
  readonly lifetimes: Set<AbortController>;
}

export function createMessageQueue(deps: MessageQueueDeps): MessageQueue {
  const queue: Queue = { ...deps, lines: new Map(), lifetimes: new Set() };
  return {
    add: (call) => add(queue, call),
    async stop(graceMs) {
      await waitUpTo(graceMs, Promise.all([...queue.lines.values()].map(({ last }) => last)));
      for (const lifetime of queue.lifetimes) lifetime.abort(new Error("the process stops"));
    },
  };
}

function add(queue: Queue, call: QueuedCall): void {
  const { clock, lifetimes, lines, logger } = queue;
  const { telegramId: chatId } = call.chat;
  const line = lines.get(chatId) ?? { last: Promise.resolve(), length: 0, isOverfull: false };
  if (line.length === MAX_QUEUED) {
    if (!line.isOverfull) logger.warn({ chatId }, "too many system messages wait in a chat: dropping more");
    line.isOverfull = true;
    return;
  }
  const lifetime = new AbortController();
  const cancelExpiry = clock.after(LIFETIME_MS, () => lifetime.abort(new Error("it waited too long")));
  lifetimes.add(lifetime);
  line.length += 1;
  line.last = line.last
    .then(() => sendOrDrop(queue, call, lifetime.signal))
    .then(() => {
      cancelExpiry();
      lifetimes.delete(lifetime);
      line.length -= 1;
      if (line.length === 0) lines.delete(chatId);
    });
  lines.set(chatId, line);
}

async function sendOrDrop(queue: Queue, call: QueuedCall, signal: AbortSignal): Promise<void> {
  const { telegramId: chatId } = call.chat;
  const reason = await send(queue, call, signal).catch(reasonOf);
  if (reason !== null) queue.logger.warn({ reason, chatId }, "a system message was dropped");
}

/** Sends a call when the budget allows it. @returns why it was dropped; null if it was sent. @throws if `signal` aborts. */
async function send({ budget, clock }: Queue, call: QueuedCall, signal: AbortSignal): Promise<string | null> {
  const { chat, priority } = call;
  let waits = 0;
  let failures = 0;
  let mayQuote = true;
  for (;;) {
    const slot = await budget.take(chat, () => priority, signal);
    const answer = await answerOf(() => call.send(mayQuote));
    if (answer.kind === "held") slot.giveBack();
    else slot.end(answer.kind !== "unknown");
    switch (answer.kind) {
      case "done":
        return null;
      case "held":
        await pause(clock, HELD_CHECK_MS, signal);
        break;
      case "wait":
        budget.freeze(chat, answer.seconds);
        waits += 1;
        if (waits > MAX_WAITS) return "asked to wait too often";
        break;
      case "reply-gone":
        if (!mayQuote) return answer.description;
        mayQuote = false;
        break;
      default:
        // After a lost answer, a retry might duplicate the message. A lost message can be asked for again.
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
    return classifyFailure(error);
  }
}

/** Waits `delayMs`; rejects if `signal` aborts before. */
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
