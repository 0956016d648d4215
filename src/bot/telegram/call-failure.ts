/**
 * What a failed call to Telegram means for those who try again until it succeeds: at start, and where updates come in.
 *
 * (`telegram-answer.ts` sorts the failures of calls that show something in a chat.)
 */
import { setTimeout as pause } from "node:timers/promises";
import { GrammyError, HttpError } from "grammy";
import { StartupError } from "../../errors.ts";
import { withoutSecrets } from "../../observability/logger.ts";
import type { Backoff } from "../../process/retry.ts";

/** Pauses after failed calls in a row: as long as Telegram asks, else longer each time. */
export const TELEGRAM_BACKOFF: Backoff = { firstMs: 500, longestMs: 15_000, askedMs };

/** The sentence for a token that Telegram does not know. */
export function refusedToken(): StartupError {
  return new StartupError(
    "Telegram refuses TELEGRAM_BOT_TOKEN: it is wrong or was revoked. @BotFather shows the right one under /mybots.",
  );
}

/** Whether Telegram says that it does not know the token: 401, or 404 where the token is not even well-formed. */
export function isRefusal(error: unknown): boolean {
  return error instanceof GrammyError && (error.error_code === 401 || error.error_code === 404);
}

/** Whom Telegram names when it gives no updates: another that fetches them, or one who set a webhook. */
export type Rival = "poller" | "webhook";

/** The rival of a 409; null for any other failure. */
export function rivalIn(error: unknown): Rival | null {
  if (!(error instanceof GrammyError) || error.error_code !== 409) return null;
  // "can't use getUpdates method while webhook is active", and to a call that waits: "terminated by setWebhook request".
  return /webhook/i.test(error.description) ? "webhook" : "poller";
}

function askedMs(error: unknown): number {
  return error instanceof GrammyError ? (error.parameters.retry_after ?? 0) * 1000 : 0;
}

/** What went wrong, without the address that was called: it holds the token. */
export function reasonOf(error: unknown): string {
  if (error instanceof HttpError)
    return withoutSecrets(error.error instanceof Error ? error.error.message : error.message);
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}

/** Waits so long, or until `signal` aborts. */
export async function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  await pause(delayMs, undefined, { signal }).catch((error: Error) => {
    if (error.name !== "AbortError") throw error;
  });
}
