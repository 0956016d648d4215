/**
 * Which process of a shop fetches a bot's updates: the one whose worker has claimed it and lives. Its death frees the claim at
 * once, and its silence when its lease runs out.
 */
import { and, eq, or, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { pollers } from "../../schema/index.ts";
import { workerIsAlive } from "../../worker-lock.ts";

interface PollerClaim {
  botId: number;
  workerId: number;
}

/** Claims the fetching for a living worker, or finds that it has it already. @returns whether it has. */
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

/** Lets another process fetch. */
export async function releasePolling(db: Db, { botId, workerId }: PollerClaim): Promise<void> {
  await db.delete(pollers).where(and(eq(pollers.botId, botId), eq(pollers.workerId, workerId)));
}
