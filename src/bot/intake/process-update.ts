/**
 * Taking one update in, whichever way it came: committed, or tried again by whoever brought it.
 *
 * Knows which failure is the update's own. It knows nothing of what is in an update, nor how often it comes.
 */
import { BotError } from "grammy";
import type { Update } from "grammy/types";
import { errorCode, isDataError, isTransient } from "../../db/error-code.ts";
import { storable } from "../../db/storable.ts";
import type { Logger } from "../../observability/logger.ts";

/** What the handlers know; everything else is not even sent to us. */
export const ALLOWED_UPDATES = ["message", "edited_message", "callback_query"] as const;

export interface ProcessUpdateDeps {
  /** Commits what the update says; throws when it could not. */
  handle(update: Update): Promise<void>;
  /** Tells the person that an update was given up, for this error of `handle`; throws when that could not be noted. */
  giveUp(error: unknown): Promise<void>;
  /** Whether a failure is the database's: then nothing is wrong with the update. */
  isDatabaseUp(): Promise<boolean>;
  logger: Logger;
}

/** One try; never throws. @returns whether the update is done with and may be confirmed: committed, or given up. */
export type ProcessUpdate = (update: Update) => Promise<boolean>;

/** Tries of an update that fails while the database is well. Then it is a fault of ours, and others wait behind it. */
const MAX_TRIES = 5;
/** Updates whose tries are remembered: one that comes no more (another process took it) must not be kept for ever. */
const MAX_REMEMBERED = 1_000;

/** Takes updates in, and remembers how often each has failed. */
export function createProcessUpdate({ handle, giveUp, isDatabaseUp, logger }: ProcessUpdateDeps): ProcessUpdate {
  const failures = new Map<number, number>();

  /** @returns whether it is done with. */
  const giveUpFor = async (error: unknown, updateId: number): Promise<boolean> => {
    try {
      await giveUp(error);
      return true;
    } catch (cause) {
      const reason = rootOf(cause);
      logger.error({ ...factsOf(reason), updateId }, "could not tell a person that their update was given up");
      return !isTransient(reason);
    }
  };

  return async (update) => {
    const { update_id: updateId } = update;
    // A server of one's own may bring what no database stores. Offsets of entities stay right: nothing becomes shorter.
    const clean = storable(update) as Update;
    let failure = await failureOf(handle, clean);
    // Another process may have been in its way, or the connection: what fails for its values does so again at once.
    if (failure && failsAgain(failure.root)) failure = await failureOf(handle, clean);
    if (!failure) {
      failures.delete(updateId);
      return true;
    }
    const { error, root } = failure;
    const isOurFault = !isTransient(root) && (await isDatabaseUp());
    const tries = (failures.get(updateId) ?? 0) + (isOurFault ? 1 : 0);
    remember(failures, updateId, tries);
    const isGivenUp = isOurFault && (failsAgain(root) || tries >= MAX_TRIES) && (await giveUpFor(error, updateId));
    if (isGivenUp) failures.delete(updateId);
    logger.error(
      { ...factsOf(root), updateId, tries },
      isGivenUp ? "update skipped: it failed every time" : "update was not committed: trying again",
    );
    return isGivenUp;
  };
}

async function failureOf(handle: ProcessUpdateDeps["handle"], update: Update) {
  try {
    await handle(update);
    return null;
  } catch (error) {
    return { error, root: rootOf(error) };
  }
}

/** Whether it fails for what it holds: numbers that no column takes, fields that are missing or of another kind. */
function failsAgain(root: unknown): boolean {
  return isDataError(root) || root instanceof TypeError || root instanceof RangeError;
}

/** For the log. Where values are refused, the database quotes them, a person's words among them. */
function factsOf(root: unknown): object {
  return isDataError(root) ? { code: errorCode(root) } : { err: root };
}

function remember(failures: Map<number, number>, id: number, tries: number): void {
  failures.delete(id);
  failures.set(id, tries);
  const [oldest] = failures.keys();
  if (failures.size > MAX_REMEMBERED && oldest !== undefined) failures.delete(oldest);
}

/** What failed in the end. What wraps it on the way quotes SQL and its parameters, a person's message among them. */
function rootOf(error: unknown): unknown {
  if (error instanceof BotError) return rootOf(error.error);
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}
