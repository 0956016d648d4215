/**
 * One reply: draws a run into its chat, page by page, until Telegram has accepted the end of it.
 *
 * One loop, one write in flight, rendered when the slot is there: what is stale is never sent. A page's message id is
 * stored as soon as it is known. It knows the run's events and a transport; nothing of the model or of grammY.
 */
import type { RunEvent } from "../../events.ts";
import type { Logger } from "../../logger.ts";
import type { TelegramAnswer } from "../telegram-answer.ts";
import type { FormattedText } from "./formatted-text.ts";
import { paginate } from "./pages.ts";
import type { BudgetChat, Priority, SendBudget } from "./send-budget.ts";

/** The calls that a reply makes; each answers what became of it and never throws. */
export interface ReplyTransport {
  send(page: PageToSend): Promise<{ messageId: number } | TelegramAnswer>;
  edit(messageId: number, page: PageContent): Promise<TelegramAnswer>;
  remove(messageId: number): Promise<TelegramAnswer>;
  typing(): Promise<TelegramAnswer>;
  /** The chat has another id from now on. */
  migrate(telegramId: number): Promise<void>;
}

export interface PageContent extends FormattedText {
  /** Whether the stop button shows beneath it: every edit says so anew. */
  stopButton: boolean;
}

export interface PageToSend extends PageContent {
  /** The first message of a reply quotes the question and rings; the others do neither. */
  isFirst: boolean;
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

interface Shown {
  messageId: number;
  /** What it shows, to skip an edit that changes nothing; null when not known. */
  key: string | null;
  /** Deleted by the person or no longer editable: left alone from then on. */
  gone: boolean;
}

type Step =
  | { kind: "send"; page: PageToSend }
  | { kind: "edit"; shown: Shown; page: PageContent }
  | { kind: "remove"; shown: Shown };

/** Begins to draw a reply; it ends by itself after `run-end`. */
export function createReply(deps: ReplyDeps): Reply {
  const { budget, transport, store, logger } = deps;
  const stop = new AbortController();
  const shown: Shown[] = deps.telegramMessageIds.map((messageId) => ({ messageId, key: null, gone: false }));
  /** Tools that run, and whether they have for long enough to be named. */
  const running = new Map<string, { name: string; isNamed: boolean }>();
  let text = "";
  let finalText: string | null = null;
  let plainText = false;
  let failures = 0;
  let changed = Promise.withResolvers<void>();
  const timers = new Set<NodeJS.Timeout>();
  const stopped = abortOf(stop.signal);

  const notify = () => {
    changed.resolve();
    changed = Promise.withResolvers();
    budget.reconsider(deps.chat);
  };
  const later = (delayMs: number, action: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, delayMs);
    timers.add(timer);
  };

  const pagesNow = (): PageContent[] => {
    const final = finalText !== null;
    const pages = paginate(finalText ?? withStatus(text, statusNow()), { final });
    return pages.map((page, index) => ({
      ...(plainText ? { text: page.text, entities: [] } : page),
      stopButton: !final && index === pages.length - 1,
    }));
  };
  const statusNow = (): string | null => {
    const names = [...running.values()].filter(({ isNamed }) => isNamed).map(({ name }) => name);
    return names.length > 0 ? deps.statusLine([...new Set(names)]) : null;
  };
  const nextStep = (): Step | null => {
    const pages = pagesNow();
    for (const [index, page] of pages.entries()) {
      const at = shown[index];
      if (!at) return { kind: "send", page: { ...page, isFirst: index === 0 } };
      if (!at.gone && at.key !== keyOf(page)) return { kind: "edit", shown: at, page };
    }
    const surplus = finalText === null ? undefined : shown.slice(pages.length).find(({ gone }) => !gone);
    return surplus ? { kind: "remove", shown: surplus } : null;
  };
  // Asked at every delta: from what is known, without rendering.
  const priority = (): Priority => {
    if (finalText !== null) return "final";
    return shown.length === 0 ? "message" : "edit";
  };

  const perform = async (step: Step): Promise<TelegramAnswer> => {
    if (step.kind === "remove") {
      const answer = await transport.remove(step.shown.messageId);
      if (answer.kind === "done" || answer.kind === "message-gone") step.shown.gone = true;
      return answer;
    }
    if (step.kind === "edit") {
      const answer = await transport.edit(step.shown.messageId, step.page);
      if (answer.kind === "done") step.shown.key = keyOf(step.page);
      if (answer.kind === "message-gone") step.shown.gone = true;
      return answer;
    }
    const answer = await transport.send(step.page);
    if (!("messageId" in answer)) return answer;
    shown.push({ messageId: answer.messageId, key: keyOf(step.page), gone: false });
    await store.savePages(shown.map(({ messageId }) => messageId));
    return { kind: "done" };
  };

  /** @returns whether the reply is at its end for good. */
  const settle = async (answer: TelegramAnswer): Promise<boolean> => {
    if (answer.kind === "done" || answer.kind === "message-gone") {
      failures = 0;
      return false;
    }
    if (answer.kind === "wait") {
      budget.freeze(deps.chat, answer.seconds);
      logger.warn({ retryAfterSeconds: answer.seconds }, "Telegram asks to wait");
      return false;
    }
    if (answer.kind === "migrated") {
      deps.chat.telegramId = answer.telegramId;
      shown.length = 0;
      await transport.migrate(answer.telegramId);
      return false;
    }
    if (answer.kind === "refused" && !plainText) {
      logger.error({ description: answer.description }, "Telegram refused a page: it goes out without formatting");
      plainText = true;
      return false;
    }
    if (answer.kind === "unknown") {
      failures += 1;
      logger.warn({ description: answer.description, failures }, "Telegram did not answer: trying again");
      await waitFor(Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS), stopped);
      return false;
    }
    logger.warn({ description: answer.description }, "reply cannot be delivered");
    await store.markUndeliverable(answer.description);
    return true;
  };

  const keepTyping = () => {
    if (text !== "" || shown.length > 0 || finalText !== null || stop.signal.aborted) return;
    if (budget.tryTake(deps.chat, "typing")) {
      void transport.typing().then((answer) => {
        if (answer.kind === "wait") budget.freeze(deps.chat, answer.seconds);
      });
    }
    later(TYPING_INTERVAL_MS, keepTyping);
  };

  const draw = async () => {
    await Promise.race([deps.turn, stopped]);
    later(TYPING_DELAY_MS, keepTyping);
    for (;;) {
      const change = changed.promise;
      if (nextStep() === null) {
        if (finalText !== null) return store.markDelivered();
        await Promise.race([change, stopped]);
        continue;
      }
      await budget.take(deps.chat, priority, stop.signal);
      const step = nextStep();
      if (step && (await settle(await perform(step)))) return;
    }
  };

  const done = draw()
    .catch((error: unknown) => {
      if (!stop.signal.aborted) logger.error({ err: error }, "reply ended unexpectedly");
    })
    .finally(() => {
      for (const timer of timers) clearTimeout(timer);
    });

  return {
    done,
    abandon: () => stop.abort(new Error("the reply is drawn elsewhere")),
    emit(event) {
      if (event.type === "text-delta") text += event.delta;
      else if (event.type === "tool-start") {
        const tool = { name: event.name, isNamed: false };
        running.set(event.toolCallId, tool);
        later(STATUS_DELAY_MS, () => {
          tool.isNamed = true;
          notify();
        });
      } else if (event.type === "tool-end") running.delete(event.toolCallId);
      else if (event.type === "run-end") finalText = event.finalText;
      else return;
      notify();
    },
  };
}

function withStatus(text: string, status: string | null): string {
  if (status === null) return text;
  return text === "" ? `_${status}_` : `${text}\n\n_${status}_`;
}

function keyOf(page: PageContent): string {
  return JSON.stringify([page.text, page.entities, page.stopButton]);
}

/** Rejects when the signal aborts; never resolves. One promise for all waits, so that listeners do not pile up. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  // Whoever waits for it hears of it; that nobody may be waiting is no error.
  promise.catch(() => undefined);
  return promise;
}

async function waitFor(delayMs: number, stopped: Promise<never>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, delayMs);
  try {
    await Promise.race([promise, stopped]);
  } finally {
    clearTimeout(timer);
  }
}
