/** Deletes the keys of old updates. */
import { asc, inArray, lt, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { updatesSeen } from "../../schema/index.ts";

/** Telegram keeps an update for 24 hours and never delivers an older one. A week allows for a wrong clock or a restored backup. */
const RETENTION_DAYS = 7;
/** Rows per statement, so that each one locks and writes little. */
const BATCH_SIZE = 1_000;
/** Statements per call; the rest waits for the next call. */
const MAX_BATCHES = 100;

/** Deletes old update keys; safe in several processes at once. @returns how many it deleted. */
export async function deleteOldUpdates(db: Db): Promise<number> {
  let deleted = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    const count = await deleteBatch(db);
    deleted += count;
    if (count < BATCH_SIZE) break;
  }
  return deleted;
}

async function deleteBatch(db: Db): Promise<number> {
  const old = db
    .select({ ctid: sql`ctid` })
    .from(updatesSeen)
    .where(lt(updatesSeen.seenAt, sql`now() - make_interval(days => ${RETENTION_DAYS})`))
    .orderBy(asc(updatesSeen.seenAt))
    .limit(BATCH_SIZE)
    .for("update", { skipLocked: true });
  const deleted = await db
    .delete(updatesSeen)
    .where(inArray(sql`ctid`, old))
    .returning({ updateId: updatesSeen.updateId });
  return deleted.length;
}
