/**
 * Long polling: fetches updates, has each committed, and only then moves the offset that confirms them to Telegram.
 *
 * grammY's own loops confirm an update before its handler ends, or whether it threw or not; here an update that was not
 * committed is fetched again, also by the next process. Of the processes of one shop one polls, the others stand by. It
 * knows nothing of what is in an update.
 */
import type { Api } from "grammy";
import type { Update } from "grammy/types";
import type { Database } from "../../db/client.ts";
import { claimPolling, releasePolling } from "../../db/queries/process/pollers.ts";
import type { StartupError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { backoffMs } from "../../process/retry.ts";
import {
  isTokenRefused,
  type ConflictSource,
  reasonOf,
  refusedTokenError,
  findConflict,
  sleep,
  TELEGRAM_BACKOFF,
} from "../telegram/call-failure.ts";
import { type ConflictBackoff, createConflictBackoff } from "./conflict-backoff.ts";
import { ALLOWED_UPDATES, type ProcessUpdate } from "./process-update.ts";
import { sequentialize } from "./sequentialize.ts";
import { updatesOf } from "./update-batch.ts";

export interface PollingDeps {
  /** With a time limit longer than the long poll. */
  api: Api;
  botId: number;
  /** Where the processes of a shop agree on which of them polls. */
  database: Database;
  workerId(): number;
  /** Whether this process holds its worker's number, as far as it has heard: one that was frozen finds another polling. */
  isAlive(): boolean;
  processUpdate: ProcessUpdate;
  /** The token was refused while running: the process has to end. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

export interface Polling {
  /** The worker's number is dead: another process may poll by now. */
  loseTurn(): void;
  /** Stops fetching; settles when the updates in hand are committed. */
  stop(): Promise<void>;
}

const LONG_POLL_SECONDS = 30;
const CONFIRM_TIMEOUT_MS = 2_000;
/** How often a process that stands by looks whether the one that polls is gone, in milliseconds. */
const STANDBY_LOOK_MS = 300;
/** Pauses before an update that was not committed is tried again: longer each time, and in step with the driver's own. */
const UPDATE_BACKOFF = { firstMs: 500, longestMs: 2_000 };

/** Begins to poll as soon as no other process of the shop does. */
export function startPolling(deps: PollingDeps): Polling {
  const stop = new AbortController();
  let turn = new AbortController();
  const done = pollInTurn(deps, {
    stop,
    conflicts: createConflictBackoff(),
    begin() {
      turn = new AbortController();
      return AbortSignal.any([stop.signal, turn.signal]);
    },
  });
  return {
    loseTurn: () => turn.abort(),
    async stop() {
      stop.abort();
      await done;
    },
  };
}

interface Turns {
  /** Also aborted from within, when polling is over for good. */
  stop: AbortController;
  conflicts: ConflictBackoff;
  /** @returns the signal of a new turn. */
  begin(): AbortSignal;
}

/** Polls whenever it is this process's turn. */
async function pollInTurn(deps: PollingDeps, turns: Turns): Promise<void> {
  const { signal } = turns.stop;
  let isStandingBy = false;
  while (!signal.aborted) {
    const whose = await whoseTurn(deps);
    if (whose === "ours") await pollOneTurn(deps, turns);
    if (whose === "theirs" && !isStandingBy) deps.logger.info("another process of this shop polls: this one stands by");
    isStandingBy = whose === "theirs";
    if (whose !== "ours") await sleep(STANDBY_LOOK_MS, signal);
  }
}

/** Unknown while the database is away, or this process may not be believed. */
async function whoseTurn({ botId, database, isAlive, logger, workerId }: PollingDeps) {
  if (!isAlive()) return "unknown";
  try {
    return (await claimPolling(database.db, { botId, workerId: workerId() })) ? "ours" : "theirs";
  } catch (error) {
    logger.warn({ err: error }, "could not ask for the right to poll: trying again");
    return "unknown";
  }
}

async function pollOneTurn(deps: PollingDeps, { begin, conflicts, stop }: Turns): Promise<void> {
  const { botId, database, logger, workerId } = deps;
  try {
    const unconfirmed = await poll(deps, conflicts, begin());
    if (!stop.signal.aborted) return logger.warn("lost the right to poll: it is asked for again");
    // Not when it is another's: this call would end its own.
    if ((await whoseTurn(deps)) !== "ours") return;
    if (unconfirmed !== null) await confirm(deps, unconfirmed);
    await releasePolling(database.db, { botId, workerId: workerId() });
  } catch (error) {
    if (!isTokenRefused(error)) throw error;
    stop.abort();
    deps.onRefused(refusedTokenError());
  }
}

/** @returns the offset that Telegram was not told of yet, if there is one. Throws when the token is refused. */
async function poll(deps: PollingDeps, conflicts: ConflictBackoff, signal: AbortSignal): Promise<number | null> {
  const { api, logger } = deps;
  let offset = 0;
  let confirmed = 0;
  let failures = 0;
  let webhookOff = false;
  while (!signal.aborted) {
    try {
      if (!webhookOff) await api.deleteWebhook({}, signal as never);
      webhookOff = true;
      const batch = await api.getUpdates(
        { offset, timeout: LONG_POLL_SECONDS, allowed_updates: ALLOWED_UPDATES },
        signal as never,
      );
      confirmed = offset;
      const updates = updatesOf(batch, logger);
      if (failures > 0 || conflicts.polled()) logger.info("Telegram answers again");
      failures = 0;
      offset = await takeInAll(deps, updates, { offset, signal });
    } catch (error) {
      if (signal.aborted) break;
      if (isTokenRefused(error)) throw error;
      const rival = findConflict(error);
      if (rival === null) failures += 1;
      // Whoever set it since: without this the bot would hear nothing until its next start.
      if (rival === "webhook") webhookOff = false;
      // The other poller may be one of this shop: then there is nothing to wait for.
      if (rival === "poller" && (await whoseTurn(deps)) === "theirs") break;
      await sleep(rival ? waitInConflict(conflicts, rival, logger) : waitAfter(error, failures, logger), signal);
    }
    if ((await whoseTurn(deps)) !== "ours") break;
  }
  return offset > confirmed ? offset : null;
}

function waitAfter(error: unknown, failures: number, logger: Logger): number {
  const waitMs = backoffMs(failures, TELEGRAM_BACKOFF, error);
  logger.warn({ reason: reasonOf(error), failures, waitMs }, "could not fetch updates: trying again");
  return waitMs;
}

function waitInConflict(conflicts: ConflictBackoff, rival: ConflictSource, logger: Logger): number {
  const { waitMs, isNew } = conflicts.met(rival);
  if (isNew) logger.error(CONFLICT[rival]);
  return waitMs;
}

const CONFLICT: Record<ConflictSource, string> = {
  poller:
    "Another process is polling with this TELEGRAM_BOT_TOKEN (409): only one may. This one waits and tries again; stop the other one, or give this one a token of its own.",
  webhook:
    "Somebody set a webhook with this TELEGRAM_BOT_TOKEN (409): while it stands, nothing can be fetched. This process takes it off again; stop the other program, or give this process TELEGRAM_WEBHOOK_URL.",
};

/** Takes a batch in. @returns the offset behind the updates that are done with. */
async function takeInAll(
  { processUpdate }: PollingDeps,
  updates: Update[],
  { offset, signal }: { offset: number; signal: AbortSignal },
): Promise<number> {
  const count = await sequentialize(updates, (update) => takeInAtLast(processUpdate, update, signal));
  const last = updates[count - 1];
  return last ? last.update_id + 1 : offset;
}

/** Tries one update until it is done with. @returns false when polling stops before that, or stopped before it began. */
async function takeInAtLast(processUpdate: ProcessUpdate, update: Update, signal: AbortSignal): Promise<boolean> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    if (await processUpdate(update)) return true;
    await sleep(backoffMs(failures, UPDATE_BACKOFF), signal);
  }
  return false;
}

/** Confirms the last updates before the process ends, or the next one would be given them again. */
async function confirm({ api, logger }: PollingDeps, offset: number): Promise<void> {
  try {
    await api.getUpdates({ offset, limit: 1, timeout: 0 }, AbortSignal.timeout(CONFIRM_TIMEOUT_MS) as never);
  } catch (error) {
    logger.warn({ reason: reasonOf(error) }, "could not confirm the last updates: they come again");
  }
}
