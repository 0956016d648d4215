/**
 * A worker's claim on a run: the fence of all its writes. A worker that was taken for dead changes nothing any more.
 */
import { and, eq, type SQL } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import { canFollow, RUNNING_STATUSES, type RunStatus } from "../../../run-states.ts";
import type { StaffRole } from "../../../shop/roles.ts";
import type { Db } from "../../client.ts";
import { hasStatus, runs } from "../../schema/index.ts";
import { leaseEnd } from "./workers.ts";

/** The key under which a worker writes. */
export interface RunClaim {
  id: string;
  threadId: string;
  workerId: number;
  attempt: number;
}

/** Another worker has the run, or it has ended. Stop working on it, and write nothing more. */
export class LeaseLostError extends Error {
  readonly runId: string;

  constructor(runId: string) {
    super("the run belongs to another worker");
    this.runId = runId;
  }
}

type RunChange = Omit<PgUpdateSetSource<typeof runs>, "status"> & { status?: RunStatus };

/**
 * Changes a run under its claim, and renews the lease with it.
 *
 * @throws {LeaseLostError} when the run belongs to another worker, or has ended.
 */
export async function updateClaimed(
  db: Db,
  claim: RunClaim,
  set: RunChange,
): Promise<{ askerRole: StaffRole; completedAt: Date | null }> {
  const [row] = await db
    .update(runs)
    .set({ leaseUntil: leaseEnd, ...set })
    .where(isHeldUnder(claim, set.status))
    .returning({ askerRole: runs.askerRole, completedAt: runs.completedAt });
  if (!row) throw new LeaseLostError(claim.id);
  return row;
}

/** SQL: whether the claim holds the run, in a state that `next` may follow. Writing the same state again is allowed. */
export function isHeldUnder(claim: RunClaim, next?: RunStatus): SQL | undefined {
  const statuses = RUNNING_STATUSES.filter((status) => !next || status === next || canFollow(status, next));
  return and(
    eq(runs.id, claim.id),
    eq(runs.workerId, claim.workerId),
    eq(runs.attempt, claim.attempt),
    hasStatus(runs.status, statuses),
  );
}
