/** The state of a run (`run-states.ts`) in the database: its enum, and conditions on it. */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { pgEnum } from "drizzle-orm/pg-core";
import { RUN_STATUSES, type RunStatus } from "../../run-states.ts";

export const runStatus = pgEnum("run_status", RUN_STATUSES);

/**
 * SQL: whether a run's status is one of these. They are literals in the statement: with parameters the planner cannot tell
 * that a partial index covers the condition.
 */
export function hasStatus(status: SQLWrapper, statuses: readonly RunStatus[]): SQL {
  return sql`${status} in (${literals(statuses)})`;
}

/** SQL: whether a run's status is none of these. */
export function hasNoStatus(status: SQLWrapper, statuses: readonly RunStatus[]): SQL {
  return sql`${status} not in (${literals(statuses)})`;
}

/** SQL: one status as a literal. */
export function statusLiteral(status: RunStatus): SQL {
  return sql.raw(`'${status}'`);
}

function literals(statuses: readonly RunStatus[]): SQL {
  return sql.join(statuses.map(statusLiteral), sql`, `);
}
