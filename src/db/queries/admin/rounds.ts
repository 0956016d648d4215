/** What admins read of the rounds of runs: how the model was asked, what it said, which tools it called. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { union } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { runItems, runRounds, runs, toolCalls } from "../../schema/index.ts";

/** One round of one run, counted from 1. */
export interface RoundKey {
  readonly runId: string;
  readonly round: number;
}

export interface RoundRow extends RoundKey {
  /** When its run was asked: by that day its tokens have a price. */
  readonly queuedAt: Date;
  /** Null for a round of before it was noted how the model was asked. */
  readonly facts: typeof runRounds.$inferSelect | null;
}

/** The rounds of these runs, each run's in their order. */
export function findRounds(db: Db, runIds: readonly string[]): Promise<RoundRow[]> {
  const ids = uuidArray(runIds);
  // A round that was cut short has no items, and one of an earlier version has no facts.
  const known = union(
    db
      .select({ runId: runRounds.runId, round: runRounds.round })
      .from(runRounds)
      .where(sql`${runRounds.runId} = any(${ids})`),
    db
      .select({ runId: runItems.runId, round: runItems.round })
      .from(runItems)
      .where(sql`${runItems.runId} = any(${ids})`),
  ).as("known");
  return db
    .select({ runId: known.runId, round: known.round, queuedAt: runs.queuedAt, facts: runRounds })
    .from(known)
    .innerJoin(runs, eq(runs.id, known.runId))
    .leftJoin(runRounds, and(eq(runRounds.runId, known.runId), eq(runRounds.round, known.round)))
    .orderBy(asc(known.runId), asc(known.round));
}

/** What the model said in these rounds, item by item, without its encrypted reasoning; a round without items is left out. */
export function findRoundItems(db: Db, keys: readonly RoundKey[]): Promise<(RoundKey & { items: unknown[] })[]> {
  return db
    .select({
      runId: runItems.runId,
      round: runItems.round,
      items: sql<unknown[]>`jsonb_agg(${runItems.item} - 'encrypted_content' order by ${runItems.position})`,
    })
    .from(runItems)
    .innerJoin(wanted(keys), isWanted(runItems))
    .groupBy(runItems.runId, runItems.round);
}

/** The ids of the calls of these rounds, each round's in the model's order. */
export function findRoundCalls(db: Db, keys: readonly RoundKey[]): Promise<(RoundKey & { id: string })[]> {
  return db
    .select({ runId: toolCalls.runId, round: toolCalls.round, id: toolCalls.id })
    .from(toolCalls)
    .innerJoin(wanted(keys), isWanted(toolCalls))
    .orderBy(asc(toolCalls.runId), asc(toolCalls.round), asc(toolCalls.position));
}

/** Runs of which a round was asked with these words of the prompt and the tools. */
export function isAskedWith(promptVersion: string): SQL {
  return sql`exists (select 1 from ${runRounds} where ${runRounds.runId} = ${runs.id}
    and ${runRounds.promptVersion} = ${promptVersion})`;
}

function wanted(keys: readonly RoundKey[]): SQL {
  const rounds = sql`${`{${keys.map(({ round }) => round).join(",")}}`}::integer[]`;
  return sql`unnest(${uuidArray(keys.map(({ runId }) => runId))}, ${rounds}) as wanted(run_id, round)`;
}

function isWanted(table: typeof runItems | typeof toolCalls): SQL {
  return sql`${table.runId} = wanted.run_id and ${table.round} = wanted.round`;
}
