/** Validates one batch of getUpdates, and returns its updates in Telegram's order. */
import type { Update } from "grammy/types";
import { z } from "zod";
import type { Logger } from "../../observability/logger.ts";

/** An offset is a 32-bit integer, and the next offset is one above the last update. */
const MAX_UPDATE_ID = 2 ** 31 - 2;
/** The most ids of invalid updates in one log line. */
const MAX_LOGGED_IDS = 10;

/** The field that the offset depends on. The handlers check the rest. */
const FetchedUpdate = z.looseObject({ update_id: z.int().min(0).max(MAX_UPDATE_ID) });

/**
 * The updates of a batch, sorted by id. Invalid ones are left out, with one line in the log.
 *
 * @throws if the batch has no valid update: an immediate retry would get the same.
 */
export function updatesOf(batch: unknown, logger: Logger): Update[] {
  if (!Array.isArray(batch)) throw new Error("Telegram answered getUpdates with something other than a list");
  const updates = batch.filter((each): each is Update => FetchedUpdate.safeParse(each).success);
  const invalid = batch.filter((each) => !FetchedUpdate.safeParse(each).success);
  if (invalid.length > 0)
    logger.error(
      { count: invalid.length, updateIds: invalid.slice(0, MAX_LOGGED_IDS).map(idOf) },
      "invalid updates left out",
    );
  if (invalid.length > 0 && updates.length === 0) throw new Error("Telegram sent only invalid updates");
  return updates.sort((one, other) => one.update_id - other.update_id);
}

/** For the log: the number itself; for any other value only its type, because it may contain a person's words. */
function idOf(value: unknown): unknown {
  const id = (value as { update_id?: unknown } | null)?.update_id;
  return typeof id === "number" ? id : typeof id;
}
