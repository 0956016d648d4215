/** The lock of a worker without a heartbeat, for tests. */
import { eq, sql } from "drizzle-orm";
import type { Database } from "../../src/db/client.ts";
import { workers } from "../../src/db/schema/index.ts";
import { takeWorkerLock, type WorkerLock } from "../../src/db/worker-lock.ts";

/** Takes a worker lock with a lease that outlasts any test, also on a slow machine: nothing renews it. */
export async function takeLastingLock(database: Database, botId: number): Promise<WorkerLock> {
  const lock = await takeWorkerLock(database, { botId, onLost: () => undefined });
  await database.db
    .update(workers)
    .set({ leaseUntil: sql`now() + interval '1 hour'` })
    .where(eq(workers.id, lock.workerId));
  return lock;
}
