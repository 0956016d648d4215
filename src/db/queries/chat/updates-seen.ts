/** The keys of updates that were taken in, once they can be forgotten. */
import { asc, inArray, lt, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { updatesSeen } from "../../schema/index.ts";

/** Telegram keeps an update for 24 hours: none that is older comes again. A week, should a clock or a backup be off. */
const KEPT_DAYS = 7;
/** Rows of one statement: what it locks and writes stays small, however long nobody has looked. */
const BATCH_SIZE = 1_000;
/** Statements of one call: what is left waits for the next. */
const MAX_BATCHES = 100;

/** Forgets the updates of long ago; several processes may do so at once. @returns how many. */
export async function deleteOldUpdates(db: Db): Promise<number> {
  let forgotten = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    const count = await forgetBatch(db);
    forgotten += count;
    if (count < BATCH_SIZE) break;
  }
  return forgotten;
}

async function forgetBatch(db: Db): Promise<number> {
  const old = db
    .select({ ctid: sql`ctid` })
    .from(updatesSeen)
    .where(lt(updatesSeen.seenAt, sql`now() - make_interval(days => ${KEPT_DAYS})`))
    .orderBy(asc(updatesSeen.seenAt))
    .limit(BATCH_SIZE)
    .for("update", { skipLocked: true });
  const deleted = await db
    .delete(updatesSeen)
    .where(inArray(sql`ctid`, old))
    .returning({ updateId: updatesSeen.updateId });
  return deleted.length;
}
