/** Counts the calls to the Bot API: the result of each, and how long Telegram asked to wait. */
import { GrammyError, type Transformer } from "grammy";
import type { TelegramMeter } from "../../observability/meter.ts";
import { classifyFailure } from "./api-errors.ts";

/** A transformer for grammY's client that reports each finished call to `meter`. */
export function countCalls(meter: TelegramMeter): Transformer {
  return async (call, method, payload, signal) => {
    try {
      const answer = await call(method, payload, signal);
      const kind = answer.ok ? "done" : classifyFailure(new GrammyError(method, answer, method, {})).kind;
      meter.telegramCalled(method, kind);
      if (!answer.ok && kind === "wait") meter.telegramRateLimited(answer.parameters?.retry_after ?? 1);
      return answer;
    } catch (error) {
      meter.telegramCalled(method, signal?.aborted ? "aborted" : classifyFailure(error).kind);
      throw error;
    }
  };
}
