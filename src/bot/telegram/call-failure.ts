/**
 * Failures of the calls that are retried until they succeed: at start, and for receiving updates.
 *
 * (`api-errors.ts` classifies the failures of calls that show something in a chat.)
 */
import { setTimeout as pause } from "node:timers/promises";
import { GrammyError, HttpError } from "grammy";
import { StartupError } from "../../errors.ts";
import { withoutSecrets } from "../../observability/logger.ts";
import { describeConnectionError } from "../../process/connecting.ts";
import type { Backoff } from "../../process/retry.ts";

/** Backoff between failed calls, at least as long as Telegram asks. */
export const TELEGRAM_BACKOFF: Backoff = { firstMs: 500, longestMs: 15_000, askedMs };

/** The error for a token that Telegram does not know. */
export function refusedTokenError(): StartupError {
  return new StartupError(
    "Telegram refuses TELEGRAM_BOT_TOKEN: it is wrong or was revoked. @BotFather shows the current one under /mybots.",
  );
}

/** Whether Telegram does not know the token: 401, or 404 for a malformed token. */
export function isTokenRefused(error: unknown): boolean {
  return error instanceof GrammyError && (error.error_code === 401 || error.error_code === 404);
}

/** Whether Telegram refuses the call itself: no retry helps. Not so for 429 and 409, which pass. */
export function isRefused(error: unknown): boolean {
  const code = error instanceof GrammyError ? error.error_code : 0;
  return code >= 400 && code < 500 && code !== 429 && code !== 409;
}

/** What competes for the updates: another process that polls, or a webhook. */
export type ConflictSource = "poller" | "webhook";

/** The source of a 409; null for any other failure. */
export function findConflict(error: unknown): ConflictSource | null {
  if (!(error instanceof GrammyError) || error.error_code !== 409) return null;
  // "can't use getUpdates method while webhook is active"; during a long poll: "terminated by setWebhook request".
  return /webhook/i.test(error.description) ? "webhook" : "poller";
}

function askedMs(error: unknown): number {
  return error instanceof GrammyError ? (error.parameters.retry_after ?? 0) * 1000 : 0;
}

/** The reason of a failure, without the called URL, which contains the token. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof HttpError && error.error instanceof Error ? error.error : error;
  if (!(cause instanceof Error)) return withoutSecrets(String(cause));
  // Every failure that Telegram reports has a code.
  if (cause instanceof GrammyError && !cause.error_code) return "the answer has another form than Telegram's";
  const reason = describeConnectionError(cause).replace(/^request to \S+ failed, reason: /, "");
  // Those of OpenSSL have line breaks.
  return withoutSecrets(reason.replaceAll(/\s+/g, " ").trim());
}

/** Waits `delayMs`, or until `signal` aborts. */
export async function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  await pause(delayMs, undefined, { signal }).catch((error: Error) => {
    if (error.name !== "AbortError") throw error;
  });
}
