/**
 * One reply: draws a run into its chat, page by page, until Telegram has accepted the end of it.
 *
 * One loop, one write in flight, rendered when the slot is there: what is stale is never sent. A page's message id is
 * stored as soon as it is known. It knows the run's events and a transport; nothing of the model or of grammY.
 */
import { ReplyLostError } from "../../db/queries/chat/replies.ts";
import type { RunEvent, RunOutcome } from "../../events.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ReplyMeter } from "../../observability/meter.ts";
import { backoffMs } from "../../process/retry.ts";
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import { type Clock, createTimers, type Timers } from "../telegram/clock.ts";
import type { BudgetChat, Priority, SendBudget } from "./budget/send-budget.ts";
import { createShownPages, type View } from "./pages/page-diff.ts";
import type { ReplyStore, ReplyTransport } from "./ports.ts";
import { createReplyText, type ReplyText } from "./reply-text.ts";
import { createTextAge, type TextAge } from "./text-age.ts";
import { keepTyping, TYPING_DELAY_MS, TYPING_INTERVAL_MS } from "./typing.ts";
import { type Writing, writeStep } from "./write-step.ts";

export interface ReplyDeps {
  chat: BudgetChat;
  budget: SendBudget;
  transport: ReplyTransport;
  store: ReplyStore;
  /** The status line while these tools run, by their names. */
  statusLine(toolNames: string[]): string;
  /** Characters that an earlier attempt may have shown. */
  shownLength: number;
  /** Whether a run that ended so may be asked again by a button. */
  isWorthRetrying(outcome: RunOutcome): boolean;
  /** Waits until the replies before this one are delivered. @returns the messages that show this one already. */
  begin(signal: AbortSignal): Promise<readonly number[]>;
  /** When the question was taken in, by the clock; null where something of the reply was shown before. */
  askedAt: number | null;
  meter?: ReplyMeter;
  clock: Clock;
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
const BACKOFF = { firstMs: 500, longestMs: 30_000 };
/** How often a process that must not act looks whether it may again, in milliseconds. */
const HELD_LOOK_MS = 100;

/** What the parts of one reply share. */
interface Drawing extends ReplyDeps, Writing {
  text: ReplyText;
  /** How long text waits before it is shown. */
  age: TextAge;
  /** Rejects when the reply is abandoned. */
  stopped: Promise<never>;
  /** Wakes the loop when it waits for something else to show. */
  onChange: () => void;
  timers: Timers;
  /** What of `text.version()` the chat shows, as far as it can. */
  drawnVersion: number;
  /** The version that a tool was named with. */
  statusVersion: number;
  isWriting: boolean;
  /** When something of the reply was shown last, by the clock. */
  lastShownAt: number;
  /** Calls in a row that Telegram did not answer. */
  failures: number;
}

/** Begins to draw a reply; it ends by itself after `run-end`. */
export function createReply(deps: ReplyDeps): Reply {
  const stop = new AbortController();
  const drawing: Drawing = {
    ...deps,
    text: createReplyText(deps),
    age: createTextAge(deps.clock.now),
    shown: createShownPages([]),
    stop,
    stopped: abortOf(stop.signal),
    onChange: () => undefined,
    timers: createTimers(deps.clock),
    drawnVersion: 0,
    statusVersion: 0,
    isWriting: false,
    lastShownAt: Number.NEGATIVE_INFINITY,
    failures: 0,
  };
  const done = draw(drawing)
    .catch((error: unknown) => {
      if (error instanceof ReplyLostError) deps.logger.info("reply handed over");
      else if (!stop.signal.aborted) deps.logger.error({ err: error }, "reply ended unexpectedly");
    })
    .finally(drawing.timers.cancelAll);
  return {
    done,
    abandon: () => stop.abort(new Error("the reply is drawn elsewhere")),
    emit: (event) => takeEvent(drawing, event),
  };
}

function takeEvent(drawing: Drawing, event: RunEvent): void {
  const { budget, chat, text, timers } = drawing;
  text.take(event);
  if (event.type === "text-delta") drawing.age.said();
  drawing.onChange();
  // What waits for a slot has become the final text.
  if (event.type === "run-end") budget.reconsider(chat);
  if (event.type !== "tool-start") return;
  timers.after(STATUS_DELAY_MS, () => {
    if (!text.nameTool(event.toolCallId)) return;
    drawing.statusVersion = text.version();
    drawing.onChange();
    budget.reconsider(chat);
  });
}

async function draw(drawing: Drawing): Promise<void> {
  const { budget, chat, stop, stopped, text, timers } = drawing;
  const shown = createShownPages(await Promise.race([drawing.begin(stop.signal), stopped]));
  drawing.shown = shown;
  timers.after(TYPING_DELAY_MS, () => keepTyping({ ...drawing, dueIn: () => typingDueIn(drawing) }));
  for (;;) {
    if (text.version() === drawing.drawnVersion || text.isHeldBack()) {
      if (text.isFinal()) return drawing.store.markDelivered();
      await nextChange(drawing);
      continue;
    }
    const slot = await budget.take(chat, () => priorityOf(drawing), stop.signal);
    const version = text.version();
    const view = viewOf(drawing);
    drawing.age.rendered();
    const [step, ...others] = view ? shown.stepsTo(view) : [];
    if (step === undefined) {
      drawing.age.failed();
      slot.giveBack();
      drawing.drawnVersion = version;
      if (view || !text.isFinal()) continue;
      await giveUp(drawing, "it could not be drawn; the log says more");
      return;
    }
    drawing.isWriting = true;
    const answer = await writeStep(drawing, step, slot);
    drawing.isWriting = false;
    if (answer.kind === "done" && others.length === 0) noteShown(drawing, version);
    else drawing.age.failed();
    if (await settle(drawing, answer)) return;
  }
}

/** The chat shows all that there was of this version. */
function noteShown(drawing: Drawing, version: number): void {
  const { age, askedAt, clock, meter } = drawing;
  drawing.drawnVersion = version;
  const ageMs = age.accepted();
  if (ageMs !== null) meter?.textShown(ageMs / 1_000);
  if (askedAt !== null) meter?.firstTextShown((clock.now() - askedAt) / 1_000);
  drawing.askedAt = null;
}

/** Null for a fault of ours: what comes next may be drawn again, and replies behind this one must not wait for ever. */
function viewOf({ logger, text }: Drawing): View | null {
  try {
    return text.view();
  } catch (error) {
    logger.error({ err: error }, "reply could not be drawn");
    return null;
  }
}

async function nextChange(drawing: Drawing): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  drawing.onChange = resolve;
  await Promise.race([promise, drawing.stopped]);
}

/** From what is known, without rendering. */
function priorityOf({ drawnVersion, shown, statusVersion, text }: Drawing): Priority {
  if (text.isFinal()) return "final";
  // A tool that takes long is told of at once, from the slot that is kept for the final: that is not near.
  return shown.isEmpty() || drawnVersion < statusVersion ? "message" : "edit";
}

/** Does what an answer asks for. @returns whether the reply is at its end for good. */
async function settle(drawing: Drawing, answer: TelegramAnswer): Promise<boolean> {
  const { budget, chat, clock, logger, shown, text, transport } = drawing;
  switch (answer.kind) {
    case "done":
    case "message-gone":
      drawing.failures = 0;
      drawing.lastShownAt = clock.now();
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
    case "held":
      await pause(drawing, HELD_LOOK_MS);
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
  const { failures, logger } = drawing;
  logger.warn({ description, failures }, "Telegram did not answer: trying again");
  await pause(drawing, backoffMs(failures, BACKOFF));
}

async function pause({ stopped, timers }: Drawing, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  timers.after(delayMs, resolve);
  await Promise.race([promise, stopped]);
}

/** In how many milliseconds typing is due; null when it never is again. */
function typingDueIn({ clock, isWriting, lastShownAt, text }: Drawing): number | null {
  if (text.isFinal()) return null;
  return isWriting ? TYPING_DELAY_MS : lastShownAt + TYPING_INTERVAL_MS - clock.now();
}

/** Rejects when the signal aborts; never resolves. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  // Whoever waits for it hears of it; that nobody may be waiting is no error.
  promise.catch(() => undefined);
  return promise;
}
