/**
 * Long polling: fetches updates, has each committed, and only then moves the offset that confirms them to Telegram.
 *
 * grammY's own loops confirm an update before its handler ends, or whether it threw or not; here an update that was not
 * committed is fetched again, also by the next process. It knows nothing of what is in an update.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Api, BotError, GrammyError, HttpError } from "grammy";
import type { Update } from "grammy/types";
import { StartupError } from "../errors.ts";
import { type Logger, withoutSecrets } from "../logger.ts";

export interface PollingDeps {
  /** With a time limit longer than the long poll. */
  api: Api;
  /** Commits what the update says; throws when it could not. */
  handle(update: Update): Promise<void>;
  /** Whether a failure is the database's: then nothing is wrong with the update. */
  isDatabaseUp(): Promise<boolean>;
  /** The token was refused while running: the process has to end. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

export interface Polling {
  /** Stops fetching; settles when the update in hand is committed. */
  stop(): Promise<void>;
}

const LONG_POLL_SECONDS = 30;
/** What the handlers know; everything else is not even sent to us. */
const ALLOWED_UPDATES = ["message", "callback_query"] as const;
const CONFIRM_TIMEOUT_MS = 2_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
/** Tries of an update that fails while the database is well. Then it is a fault of ours, and others wait behind it. */
const MAX_TRIES = 5;
/** Short, because the other process may just be the one before this one, on its way out. */
const CONFLICT_PAUSE_MS = 3_000;

/** Begins to poll; a webhook that was set for the bot is taken off first. */
export function startPolling(deps: PollingDeps): Polling {
  const stop = new AbortController();
  const done = poll(deps, stop.signal);
  return {
    async stop() {
      stop.abort();
      await done;
    },
  };
}

async function poll(deps: PollingDeps, signal: AbortSignal): Promise<void> {
  let offset = 0;
  let confirmed = 0;
  let failures = 0;
  let conflicts = 0;
  let webhookOff = false;
  while (!signal.aborted) {
    try {
      if (!webhookOff) await deps.api.deleteWebhook({}, signal as never);
      webhookOff = true;
      const updates = await deps.api.getUpdates(
        { offset, timeout: LONG_POLL_SECONDS, allowed_updates: ALLOWED_UPDATES },
        signal as never,
      );
      confirmed = offset;
      if (failures > 0 || conflicts > 0) deps.logger.info("Telegram answers again");
      failures = 0;
      conflicts = 0;
      for (const update of updates) {
        if (!(await commit(deps, update, signal))) return;
        offset = update.update_id + 1;
      }
    } catch (error) {
      if (signal.aborted) break;
      if (isRefusal(error)) return deps.onRefused(refusedToken());
      if (error instanceof GrammyError && error.error_code === 409) {
        if (conflicts++ === 0) deps.logger.error(CONFLICT);
        await sleep(CONFLICT_PAUSE_MS, signal);
        continue;
      }
      failures += 1;
      const waitMs = retryDelay(error, failures);
      deps.logger.warn({ reason: reasonOf(error), failures, waitMs }, "could not fetch updates: trying again");
      await sleep(waitMs, signal);
    }
  }
  if (offset > confirmed) await confirm(deps, offset);
}

/** Confirms the last updates before the process ends, or the next one would be given them again. */
async function confirm({ api, logger }: PollingDeps, offset: number): Promise<void> {
  try {
    await api.getUpdates({ offset, limit: 1, timeout: 0 }, AbortSignal.timeout(CONFIRM_TIMEOUT_MS) as never);
  } catch (error) {
    logger.warn({ reason: reasonOf(error) }, "could not confirm the last updates: they come again");
  }
}

const CONFLICT =
  "Another process is polling with this TELEGRAM_BOT_TOKEN (409): only one may. This one waits and tries again; stop the other one, or give this one a token of its own.";

/** Tries one update until it is committed. @returns false when the process stops before that. */
async function commit(deps: PollingDeps, update: Update, signal: AbortSignal): Promise<boolean> {
  for (let tries = 1; ; ) {
    try {
      await deps.handle(update);
      return true;
    } catch (error) {
      const isOurFault = await deps.isDatabaseUp();
      const facts = { err: rootOf(error), updateId: update.update_id, tries };
      if (isOurFault && tries >= MAX_TRIES) {
        deps.logger.error(facts, "update skipped: it failed every time");
        return true;
      }
      deps.logger.error(facts, "update was not committed: trying again");
      if (isOurFault) tries += 1;
      await sleep(FIRST_RETRY_MS * tries, signal);
      if (signal.aborted) return false;
    }
  }
}

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

/** How long to wait after so many failures in a row, in milliseconds: as Telegram asks, else longer each time. */
export function retryDelay(error: unknown, failures: number): number {
  const asked = error instanceof GrammyError ? (error.parameters.retry_after ?? 0) * 1000 : 0;
  return Math.max(asked, Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS));
}

/** What went wrong, without the address that was called: it holds the token. */
export function reasonOf(error: unknown): string {
  if (error instanceof HttpError)
    return withoutSecrets(error.error instanceof Error ? error.error.message : error.message);
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}

/** What failed in the end. What wraps it on the way quotes SQL and its parameters, a person's message among them. */
function rootOf(error: unknown): unknown {
  if (error instanceof BotError) return rootOf(error.error);
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}

async function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  await pause(delayMs, undefined, { signal }).catch((error: Error) => {
    if (error.name !== "AbortError") throw error;
  });
}
