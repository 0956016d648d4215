/** One batch as a server gives it to getUpdates: what of it is an update, in Telegram's order. */
import type { Update } from "grammy/types";
import { z } from "zod";
import type { Logger } from "../../observability/logger.ts";

/** An offset is a 32-bit integer, and one behind the last update. */
const MAX_UPDATE_ID = 2 ** 31 - 2;
/** How many ids of what is no update one line of the log names. */
const MAX_NAMED = 10;

/** What is relied on here: the offset follows from it. All else in it is for the handlers. */
const FetchedUpdate = z.looseObject({ update_id: z.int().min(0).max(MAX_UPDATE_ID) });

/**
 * The updates of a batch, by their ids; what is none is left out, with one line in the log.
 *
 * @throws when nothing in it is an update: asked for again at once, the same would come.
 */
export function updatesOf(batch: unknown, logger: Logger): Update[] {
  if (!Array.isArray(batch)) throw new Error("Telegram answered getUpdates with something that is no list");
  const updates = batch.filter((each): each is Update => FetchedUpdate.safeParse(each).success);
  const odd = batch.filter((each) => !FetchedUpdate.safeParse(each).success);
  if (odd.length > 0)
    logger.error({ count: odd.length, updateIds: odd.slice(0, MAX_NAMED).map(idOf) }, "not an update: left out");
  if (odd.length > 0 && updates.length === 0) throw new Error("Telegram sent nothing that is an update");
  return updates.sort((one, other) => one.update_id - other.update_id);
}

/** For the log: a number as it is, of anything else its type only, for it may quote what a person wrote. */
function idOf(value: unknown): unknown {
  const id = (value as { update_id?: unknown } | null)?.update_id;
  return typeof id === "number" ? id : typeof id;
}
