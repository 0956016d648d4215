/**
 * The typing indicator: shows that work continues while a reply has nothing new to show. It uses only slots that no other call
 * waits for. The reply decides when typing is due.
 */
import type { Logger } from "../../observability/logger.ts";
import type { Timers } from "../budget/clock.ts";
import type { BudgetChat, SendBudget } from "../budget/send-budget.ts";
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import { endSlot } from "./write-step.ts";

/** Telegram shows typing for 5 s. A little less keeps it visible. */
export const TYPING_INTERVAL_MS = 4_500;
/** An answer that comes sooner needs no typing, and the slot is better used for it. */
export const TYPING_DELAY_MS = 300;

export interface Typing {
  chat: BudgetChat;
  budget: SendBudget;
  transport: { typing(): Promise<TelegramAnswer> };
  /** Milliseconds until typing is due, 0 or less if it is now; null if it never is again. */
  dueIn(): number | null;
  timers: Timers;
  logger: Logger;
}

/** Types when it is due, until it never is again. */
export function keepTyping(typing: Typing): void {
  const dueInMs = typing.dueIn();
  if (dueInMs === null) return;
  typing.timers.after(dueInMs > 0 ? dueInMs : type(typing), () => keepTyping(typing));
}

/** @returns milliseconds until the next check. */
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
