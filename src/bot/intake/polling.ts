/**
 * Long polling: fetches updates, waits until each is committed, and only then moves the offset that confirms them.
 *
 * grammY's own loops confirm an update before its handler ends, or even if it throws. Here an update that was not committed
 * is fetched again, also by the next process. One process of a shop polls, the others stand by. This module knows nothing of
 * the content of updates.
 */
import type { Api } from "grammy";
import type { Update } from "grammy/types";
import type { Database } from "../../db/client.ts";
import { claimPolling, releasePolling } from "../../db/queries/process/pollers.ts";
import type { StartupError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { backoffMs } from "../../process/retry.ts";
import { type Clock, systemClock } from "../budget/clock.ts";
import {
  type ConflictSource,
  findConflict,
  isTokenRefused,
  reasonOf,
  refusedTokenError,
  sleep,
  TELEGRAM_BACKOFF,
} from "../telegram/call-failure.ts";
import type { CallSignal } from "../telegram/connection.ts";
import { type ConflictBackoff, createConflictBackoff } from "./conflict-backoff.ts";
import { createPollFloor } from "./poll-floor.ts";
import { ALLOWED_UPDATES, type ProcessUpdate } from "./process-update.ts";
import { sequentialize } from "./sequentialize.ts";
import { updatesOf } from "./update-batch.ts";

export interface PollingDeps {
  /** Its timeout must be longer than the long poll. */
  api: Api;
  botId: number;
  /** Holds the claim by which the processes of a shop agree on the one that polls. */
  database: Database;
  workerId(): number;
  /** Whether this process holds its worker lease. After a suspension, another process may be polling. */
  isAlive(): boolean;
  processUpdate: ProcessUpdate;
  /** Telegram refused the token while running: the process must end. */
  onRefused(error: StartupError): void;
  /** Spaces polls that bring nothing; the system clock when left out. */
  pollClock?: Clock;
  logger: Logger;
}

export interface Polling {
  /** The worker id is no longer valid: another process may be polling. */
  endSession(): void;
  /** Stops polling; settles when the fetched updates are committed. */
  stop(): Promise<void>;
}

const LONG_POLL_SECONDS = 30;
const CONFIRM_TIMEOUT_MS = 2_000;
/** How often a process that stands by tries to claim the polling, in milliseconds. */
const STANDBY_INTERVAL_MS = 300;
/** The pauses before an uncommitted update is retried, in step with the reconnects of the database driver. */
const UPDATE_BACKOFF = { firstMs: 500, longestMs: 2_000 };

/** Starts polling as soon as no other process of the shop does. */
export function startPolling(deps: PollingDeps): Polling {
  const stop = new AbortController();
  let session = new AbortController();
  const done = pollWhileClaimed(deps, {
    stop,
    conflicts: createConflictBackoff(),
    startSession() {
      session = new AbortController();
      return AbortSignal.any([stop.signal, session.signal]);
    },
  });
  return {
    endSession: () => session.abort(),
    async stop() {
      stop.abort();
      await done;
    },
  };
}

/** A session is a period in which this process holds the claim and polls. */
interface Sessions {
  /** Also aborted by the polling itself, if the token is refused. */
  stop: AbortController;
  conflicts: ConflictBackoff;
  /** @returns the signal that ends the new session. */
  startSession(): AbortSignal;
}

/** Polls whenever this process holds the claim; stands by otherwise. */
async function pollWhileClaimed(deps: PollingDeps, sessions: Sessions): Promise<void> {
  const { signal } = sessions.stop;
  let isStandingBy = false;
  while (!signal.aborted) {
    const claim = await tryClaim(deps);
    if (claim === "held") await runSession(deps, sessions);
    if (claim === "taken" && !isStandingBy) deps.logger.info("another process of this shop is polling: standing by");
    isStandingBy = claim === "taken";
    if (claim !== "held") await sleep(STANDBY_INTERVAL_MS, signal);
  }
}

/** `unknown`: the database is unavailable, or this process has lost its worker lease. */
async function tryClaim(deps: PollingDeps): Promise<"held" | "taken" | "unknown"> {
  const { botId, database, isAlive, logger, workerId } = deps;
  if (!isAlive()) return "unknown";
  try {
    return (await claimPolling(database.db, { botId, workerId: workerId() })) ? "held" : "taken";
  } catch (error) {
    logger.warn({ err: error }, "could not claim the polling: trying again");
    return "unknown";
  }
}

async function runSession(deps: PollingDeps, { conflicts, startSession, stop }: Sessions): Promise<void> {
  const { botId, database, logger, workerId } = deps;
  try {
    const unconfirmed = await poll(deps, conflicts, startSession());
    if (!stop.signal.aborted) return logger.warn("lost the claim to poll: claiming it again");
    // Not if another process polls: this call would end its long poll.
    if ((await tryClaim(deps)) !== "held") return;
    if (unconfirmed !== null) await confirm(deps, unconfirmed);
    await releasePolling(database.db, { botId, workerId: workerId() });
  } catch (error) {
    if (!isTokenRefused(error)) throw error;
    stop.abort();
    deps.onRefused(refusedTokenError());
  }
}

/** @returns the offset that is not confirmed to Telegram yet; null if there is none. @throws if the token is refused. */
async function poll(deps: PollingDeps, conflicts: ConflictBackoff, signal: AbortSignal): Promise<number | null> {
  const { api, pollClock = systemClock, logger } = deps;
  const floor = createPollFloor();
  let offset = 0;
  let confirmed = 0;
  let failures = 0;
  let isWebhookRemoved = false;
  while (!signal.aborted) {
    try {
      if (!isWebhookRemoved) await api.deleteWebhook({}, signal as CallSignal);
      isWebhookRemoved = true;
      const startedAt = pollClock.now();
      const batch = await api.getUpdates(
        { offset, timeout: LONG_POLL_SECONDS, allowed_updates: ALLOWED_UPDATES },
        signal as CallSignal,
      );
      confirmed = offset;
      const updates = updatesOf(batch, logger);
      if (failures > 0 || conflicts.recordSuccess()) logger.info("Telegram answers again");
      failures = 0;
      const tookMs = pollClock.now() - startedAt;
      offset = await processBatch(deps, updates, { offset, signal });
      await waitOn(pollClock, floor.recordPoll(offset, tookMs), signal);
    } catch (error) {
      if (signal.aborted) break;
      if (isTokenRefused(error)) throw error;
      const conflict = findConflict(error);
      if (conflict === null) failures += 1;
      // Set by another program: unless it is removed, the bot gets no updates until its next start.
      if (conflict === "webhook") isWebhookRemoved = false;
      // The other poller may be a process of this shop: then there is no reason to wait.
      if (conflict === "poller" && (await tryClaim(deps)) === "taken") break;
      await sleep(
        conflict ? conflictPauseMs(conflicts, conflict, logger) : retryPauseMs(error, failures, logger),
        signal,
      );
    }
    if ((await tryClaim(deps)) !== "held") break;
  }
  return offset > confirmed ? offset : null;
}

/** Settles after `waitMs`, or when `signal` aborts; at once for 0. */
async function waitOn(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  if (waitMs === 0 || signal.aborted) return;
  const waited = Promise.withResolvers<void>();
  const cancel = clock.after(waitMs, waited.resolve);
  signal.addEventListener("abort", () => waited.resolve(), { once: true });
  await waited.promise;
  cancel();
}

function retryPauseMs(error: unknown, failures: number, logger: Logger): number {
  const waitMs = backoffMs(failures, TELEGRAM_BACKOFF, error);
  logger.warn({ reason: reasonOf(error), failures, waitMs }, "could not fetch updates: trying again");
  return waitMs;
}

function conflictPauseMs(conflicts: ConflictBackoff, conflict: ConflictSource, logger: Logger): number {
  const { waitMs, isNew } = conflicts.recordConflict(conflict);
  if (isNew) logger.error(CONFLICT_MESSAGES[conflict]);
  return waitMs;
}

const CONFLICT_MESSAGES: Record<ConflictSource, string> = {
  poller:
    "Another program is polling with this TELEGRAM_BOT_TOKEN (409): only one can. This process waits and tries again; stop the other program, or give this process a token of its own.",
  webhook:
    "Another program set a webhook with this TELEGRAM_BOT_TOKEN (409): with a webhook, updates cannot be polled. This process removes it; stop the other program, or set TELEGRAM_WEBHOOK_URL for this process.",
};

/** Processes a batch. @returns the offset after the last update that may be confirmed. */
async function processBatch(
  { processUpdate }: PollingDeps,
  updates: Update[],
  { offset, signal }: { offset: number; signal: AbortSignal },
): Promise<number> {
  const count = await sequentialize(updates, (update) => processUntilDone(processUpdate, update, signal));
  const last = updates[count - 1];
  return last ? last.update_id + 1 : offset;
}

/** Retries one update until it is done. @returns false if `signal` aborts before. */
async function processUntilDone(processUpdate: ProcessUpdate, update: Update, signal: AbortSignal): Promise<boolean> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    if (await processUpdate(update)) return true;
    await sleep(backoffMs(failures, UPDATE_BACKOFF), signal);
  }
  return false;
}

/** Confirms the last updates at shutdown: otherwise Telegram would deliver them again to the next process. */
async function confirm({ api, logger }: PollingDeps, offset: number): Promise<void> {
  try {
    await api.getUpdates({ offset, limit: 1, timeout: 0 }, AbortSignal.timeout(CONFIRM_TIMEOUT_MS) as CallSignal);
  } catch (error) {
    logger.warn({ reason: reasonOf(error) }, "could not confirm the last updates: Telegram will deliver them again");
  }
}
