/**
 * Typing: shows that work goes on while a reply has nothing new to show, from slots that nobody else waits for.
 *
 * When it is due is the reply's matter.
 */
import type { Logger } from "../../observability/logger.ts";
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import type { Timers } from "../telegram/clock.ts";
import type { BudgetChat, SendBudget } from "./budget/send-budget.ts";
import { endSlot } from "./write-step.ts";

/** Typing shows for 5 s at Telegram; a little less keeps it up. */
export const TYPING_INTERVAL_MS = 4_500;
/** An answer that comes sooner needs no typing, and the slot is better spent on it. */
export const TYPING_DELAY_MS = 300;

export interface Typing {
  chat: BudgetChat;
  budget: SendBudget;
  transport: { typing(): Promise<TelegramAnswer> };
  /** In how many milliseconds it is due, now at 0 and below; null when it never is again. */
  dueIn(): number | null;
  timers: Timers;
  logger: Logger;
}

/** Types now if it is due, and goes on until it never is again. */
export function keepTyping(typing: Typing): void {
  const dueInMs = typing.dueIn();
  if (dueInMs === null) return;
  typing.timers.after(dueInMs > 0 ? dueInMs : type(typing), () => keepTyping(typing));
}

/** @returns in how many milliseconds to look again. */
function type({ budget, chat, logger, transport }: Typing): number {
  const slot = budget.tryTake(chat, "typing");
  if (!slot) return TYPING_DELAY_MS;
  transport
    .typing()
    .then((answer) => {
      endSlot(slot, answer);
      if (answer.kind === "wait") budget.freeze(chat, answer.seconds);
    })
    .catch((error: unknown) => logger.error({ err: error }, "typing failed unexpectedly"));
  return TYPING_INTERVAL_MS;
}
