/**
 * One reply: draws a run into its chat, page by page, until Telegram has accepted the end of it.
 *
 * One loop, one write in flight, rendered when the slot is there: what is stale is never sent. A page's message id is
 * stored as soon as it is known. It knows the run's events and a transport; nothing of the model or of grammY.
 */
import type { RunEvent } from "../../events.ts";
import type { Logger } from "../../logger.ts";
import type { TelegramAnswer } from "../telegram-answer.ts";
import { createReplyText, type PageContent, type ReplyText } from "./reply-text.ts";
import type { BudgetChat, SendBudget } from "./send-budget.ts";
import { createShownPages, type PageToSend, type ShownPages, type Step } from "./shown-pages.ts";

/** The calls that a reply makes; each answers what became of it and never throws. */
export interface ReplyTransport {
  send(page: PageToSend): Promise<{ messageId: number } | TelegramAnswer>;
  edit(messageId: number, page: PageContent): Promise<TelegramAnswer>;
  remove(messageId: number): Promise<TelegramAnswer>;
  typing(): Promise<TelegramAnswer>;
  /** The chat has another id from now on. */
  migrate(telegramId: number): Promise<void>;
}

/** What is kept of a reply; each retries until it is stored. */
export interface ReplyStore {
  savePages(telegramMessageIds: readonly number[]): Promise<void>;
  markDelivered(): Promise<void>;
  markUndeliverable(reason: string): Promise<void>;
}

export interface ReplyDeps {
  chat: BudgetChat;
  budget: SendBudget;
  transport: ReplyTransport;
  store: ReplyStore;
  /** The status line while these tools run, by their names. */
  statusLine(toolNames: string[]): string;
  /** Messages that show this reply already, from an earlier attempt. */
  telegramMessageIds: readonly number[];
  /** Settles when the replies before this one are delivered. */
  turn: Promise<void>;
  logger: Logger;
}

export interface Reply {
  emit(event: RunEvent): void;
  /** Stops drawing at once; what is stored lets another process deliver the rest. */
  abandon(): void;
  /** Settles when the reply is delivered, undeliverable or abandoned; never rejects. */
  readonly done: Promise<void>;
}

/** A tool that is done sooner is not worth a line. */
const STATUS_DELAY_MS = 700;
/** Typing shows for 5 s at Telegram; a little less keeps it up. */
const TYPING_INTERVAL_MS = 4_500;
/** An answer that comes sooner needs no typing, and the slot is better spent on it. */
const TYPING_DELAY_MS = 300;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** What the parts of one reply share. */
interface Drawing extends ReplyDeps {
  text: ReplyText;
  shown: ShownPages;
  stop: AbortController;
  /** Rejects when the reply is abandoned: one promise for all waits, so that listeners do not pile up. */
  stopped: Promise<never>;
  /** Resolves at the next change of what is to be shown. */
  changed: PromiseWithResolvers<void>;
  timers: Set<NodeJS.Timeout>;
  /** Calls in a row that Telegram did not answer. */
  failures: number;
}

/** Begins to draw a reply; it ends by itself after `run-end`. */
export function createReply(deps: ReplyDeps): Reply {
  const stop = new AbortController();
  const drawing: Drawing = {
    ...deps,
    text: createReplyText(deps.statusLine),
    shown: createShownPages(deps.telegramMessageIds),
    stop,
    stopped: abortOf(stop.signal),
    changed: Promise.withResolvers(),
    timers: new Set(),
    failures: 0,
  };
  const done = draw(drawing)
    .catch((error: unknown) => {
      if (!stop.signal.aborted) deps.logger.error({ err: error }, "reply ended unexpectedly");
    })
    .finally(() => {
      for (const timer of drawing.timers) clearTimeout(timer);
    });
  return {
    done,
    abandon: () => stop.abort(new Error("the reply is drawn elsewhere")),
    emit: (event) => takeEvent(drawing, event),
  };
}

function takeEvent(drawing: Drawing, event: RunEvent): void {
  if (!drawing.text.take(event)) return;
  notify(drawing);
  if (event.type !== "tool-start") return;
  later(drawing, STATUS_DELAY_MS, () => {
    drawing.text.nameTool(event.toolCallId);
    notify(drawing);
  });
}

function notify(drawing: Drawing): void {
  drawing.changed.resolve();
  drawing.changed = Promise.withResolvers();
  // What waits for a slot may have become the final text.
  drawing.budget.reconsider(drawing.chat);
}

async function draw(drawing: Drawing): Promise<void> {
  const { budget, chat, text, stopped } = drawing;
  await Promise.race([drawing.turn, stopped]);
  later(drawing, TYPING_DELAY_MS, () => keepTyping(drawing));
  for (;;) {
    const change = drawing.changed.promise;
    if (nextStep(drawing) === null) {
      if (text.isFinal()) return drawing.store.markDelivered();
      await Promise.race([change, stopped]);
      continue;
    }
    await budget.take(chat, () => priorityOf(drawing), drawing.stop.signal);
    const step = nextStep(drawing);
    if (step && (await settle(drawing, await perform(drawing, step)))) return;
  }
}

function nextStep({ shown, text }: Drawing): Step | null {
  return shown.nextStep(text.pages(), text.isFinal());
}

/** Asked at every delta: from what is known, without rendering. */
function priorityOf({ shown, text }: Drawing) {
  if (text.isFinal()) return "final";
  return shown.isEmpty() ? "message" : "edit";
}

async function perform({ transport, shown, store }: Drawing, step: Step): Promise<TelegramAnswer> {
  if (step.kind === "send") {
    const answer = await transport.send(step.page);
    if (!("messageId" in answer)) return answer;
    shown.sent(answer.messageId, step.page);
    await store.savePages(shown.messageIds());
    return { kind: "done" };
  }
  const { messageId } = step.shown;
  const answer = await (step.kind === "edit" ? transport.edit(messageId, step.page) : transport.remove(messageId));
  if (answer.kind === "done" && step.kind === "edit") shown.edited(step.shown, step.page);
  if (answer.kind === "message-gone" || (answer.kind === "done" && step.kind === "remove")) step.shown.gone = true;
  return answer;
}

/** Does what an answer asks for. @returns whether the reply is at its end for good. */
async function settle(drawing: Drawing, answer: TelegramAnswer): Promise<boolean> {
  const { budget, chat, logger, shown, text, transport } = drawing;
  switch (answer.kind) {
    case "done":
    case "message-gone":
      drawing.failures = 0;
      return false;
    case "wait":
      budget.freeze(chat, answer.seconds);
      logger.warn({ retryAfterSeconds: answer.seconds }, "Telegram asks to wait");
      return false;
    case "migrated":
      await transport.migrate(answer.telegramId);
      chat.telegramId = answer.telegramId;
      // Messages of the old group cannot be edited any more: the reply is sent anew.
      shown.forget();
      return false;
    case "unknown":
      await backOff(drawing, answer.description);
      return false;
    case "refused":
      if (!text.isPlain()) {
        logger.error({ description: answer.description }, "Telegram refused a page: it goes out without formatting");
        text.dropFormatting();
        return false;
      }
      return giveUp(drawing, answer.description);
    case "chat-gone":
      return giveUp(drawing, answer.description);
  }
}

async function giveUp({ logger, store }: Drawing, description: string): Promise<true> {
  logger.warn({ description }, "reply cannot be delivered");
  await store.markUndeliverable(description);
  return true;
}

async function backOff(drawing: Drawing, description: string): Promise<void> {
  drawing.failures += 1;
  const { failures, logger, stopped } = drawing;
  logger.warn({ description, failures }, "Telegram did not answer: trying again");
  const { promise, resolve } = Promise.withResolvers<void>();
  later(drawing, Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS), resolve);
  await Promise.race([promise, stopped]);
}

/** Typing shows that work goes on while there is nothing to see yet; it takes only slots that nobody waits for. */
function keepTyping(drawing: Drawing): void {
  const { budget, chat, shown, stop, text, transport } = drawing;
  if (!text.isEmpty() || !shown.isEmpty() || stop.signal.aborted) return;
  if (budget.tryTake(chat, "typing")) {
    void transport.typing().then((answer) => {
      if (answer.kind === "wait") budget.freeze(chat, answer.seconds);
    });
  }
  later(drawing, TYPING_INTERVAL_MS, () => keepTyping(drawing));
}

function later({ timers }: Drawing, delayMs: number, action: () => void): void {
  const timer = setTimeout(() => {
    timers.delete(timer);
    action();
  }, delayMs);
  timers.add(timer);
}

/** Rejects when the signal aborts; never resolves. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  // Whoever waits for it hears of it; that nobody may be waiting is no error.
  promise.catch(() => undefined);
  return promise;
}
