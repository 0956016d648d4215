/** Calls of the Bot API that are counted: how each ended, and how long Telegram asked to wait. It changes nothing of them. */
import { GrammyError, type Transformer } from "grammy";
import type { TelegramMeter } from "../../observability/meter.ts";
import { sortFailure } from "./api-errors.ts";

/** A transformer for grammY's client that tells `meter` of each call when it has ended. */
export function countCalls(meter: TelegramMeter): Transformer {
  return async (call, method, payload, signal) => {
    try {
      const answer = await call(method, payload, signal);
      const kind = answer.ok ? "done" : sortFailure(new GrammyError(method, answer, method, {})).kind;
      meter.telegramCalled(method, kind);
      if (!answer.ok && kind === "wait") meter.telegramRateLimited(answer.parameters?.retry_after ?? 1);
      return answer;
    } catch (error) {
      meter.telegramCalled(method, signal?.aborted ? "aborted" : sortFailure(error).kind);
      throw error;
    }
  };
}
