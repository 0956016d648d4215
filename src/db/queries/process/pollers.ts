/**
 * Which process polls for a bot's updates: the one whose live worker has claimed it. The claim ends at once when the worker
 * dies, and with its lease when the worker hangs.
 */
import { and, eq, or, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { pollers } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";

interface PollerClaim {
  botId: number;
  workerId: number;
}

/** Claims polling for a live worker. @returns whether the worker has the claim, now or already before. */
export async function claimPolling(db: Db, { botId, workerId }: PollerClaim): Promise<boolean> {
  const isFree = or(eq(pollers.workerId, workerId), sql`not ${workerIsAlive(pollers.workerId)}`);
  const claimed = await db
    .insert(pollers)
    .values({ botId, workerId })
    .onConflictDoUpdate({
      target: pollers.botId,
      set: { workerId },
      setWhere: sql`${isFree} and ${workerIsAlive(sql`${workerId}`)}`,
    })
    .returning({ workerId: pollers.workerId });
  return claimed.length > 0;
}

/** Ends the claim, so that another process can poll. */
export async function releasePolling(db: Db, { botId, workerId }: PollerClaim): Promise<void> {
  await db.delete(pollers).where(and(eq(pollers.botId, botId), eq(pollers.workerId, workerId)));
}
