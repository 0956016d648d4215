/** Queries of rounds for admins: the model's settings, its output, and the tool calls. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { union } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { runItems, runRounds, runs, toolCalls } from "../../schema/index.ts";

/** One round of one run. Rounds count from 1. */
export interface RoundKey {
  readonly runId: string;
  readonly round: number;
}

export interface RoundRow extends RoundKey {
  /** When the run was queued. The price of its tokens is that of this day. */
  readonly queuedAt: Date;
  /** Null for rounds of versions that did not store the model's settings. */
  readonly facts: typeof runRounds.$inferSelect | null;
}

/** The rounds of these runs, ordered by run and round. */
export function findRounds(db: Db, runIds: readonly string[]): Promise<RoundRow[]> {
  const ids = uuidArray(runIds);
  // An interrupted round has no items. A round of an earlier version has no facts.
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

/** The model's output items of these rounds, without encrypted reasoning. Rounds without items are left out. */
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

/** The ids of the tool calls of these rounds, per round in the model's order. */
export function findRoundCalls(db: Db, keys: readonly RoundKey[]): Promise<(RoundKey & { id: string })[]> {
  return db
    .select({ runId: toolCalls.runId, round: toolCalls.round, id: toolCalls.id })
    .from(toolCalls)
    .innerJoin(wanted(keys), isWanted(toolCalls))
    .orderBy(asc(toolCalls.runId), asc(toolCalls.round), asc(toolCalls.position));
}

/** Condition: one of the run's rounds used this version of the prompt and the tools. */
export function usesPromptVersion(promptVersion: string): SQL {
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
