/**
 * Taking one update in, whichever way it came: committed, or tried again by whoever brought it.
 *
 * Knows which failure is the update's own. It knows nothing of what is in an update, nor how often it comes.
 */
import { BotError } from "grammy";
import type { Update } from "grammy/types";
import { isPassing } from "../db/error-code.ts";
import type { Logger } from "../logger.ts";

/** What the handlers know; everything else is not even sent to us. */
export const ALLOWED_UPDATES = ["message", "edited_message", "callback_query"] as const;

export interface TakeInDeps {
  /** Commits what the update says; throws when it could not. */
  handle(update: Update): Promise<void>;
  /** Whether a failure is the database's: then nothing is wrong with the update. */
  isDatabaseUp(): Promise<boolean>;
  logger: Logger;
}

/** One try; never throws. @returns whether the update is done with and may be confirmed: committed, or given up. */
export type TakeIn = (update: Update) => Promise<boolean>;

/** Tries of an update that fails while the database is well. Then it is a fault of ours, and others wait behind it. */
const MAX_TRIES = 5;
/** Updates whose tries are remembered: one that comes no more (another process took it) must not be kept for ever. */
const MAX_REMEMBERED = 1_000;

/** Takes updates in, and remembers how often each has failed. */
export function createTakeIn({ handle, isDatabaseUp, logger }: TakeInDeps): TakeIn {
  const failures = new Map<number, number>();
  return async (update) => {
    const id = update.update_id;
    try {
      await handle(update);
      failures.delete(id);
      return true;
    } catch (error) {
      const root = rootOf(error);
      const isOurFault = !isPassing(root) && (await isDatabaseUp());
      const tries = (failures.get(id) ?? 0) + (isOurFault ? 1 : 0);
      remember(failures, id, tries);
      const facts = { err: root, updateId: id, tries };
      const isGivenUp = tries >= MAX_TRIES;
      if (isGivenUp) failures.delete(id);
      logger.error(
        facts,
        isGivenUp ? "update skipped: it failed every time" : "update was not committed: trying again",
      );
      return isGivenUp;
    }
  };
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
