/**
 * The cost of runs in SQL. Prices have dates: each run is priced by its model and by the day on which it was queued.
 *
 * The amounts equal those of `costOf` (src/model-prices.ts), which prices one run; this prices many. They are exact: numeric
 * arithmetic with multiplication and addition only. A run counts as unpriced, never as 0, if its model had no price on that day
 * or its tokens were not counted.
 *
 * A run is priced by its last model. If a restart with another OPENAI_MODEL came between its rounds, the costs of its rounds may
 * add up to another amount. Pricing by round would join all runs with all rounds, for a rare case.
 */
import { eq, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { type ModelPrice, PRICES, type PriceSpan, spansOf } from "../../../model-prices.ts";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { runs, type threads } from "../../schema/index.ts";

/** The total cost of some runs. */
export interface CostFigures {
  /** US dollars as a plain decimal, of the runs whose price is known. */
  readonly usd: string;
  /** Runs that used tokens, but whose number of tokens or price is unknown. */
  readonly unpricedRuns: number;
}

// A model server may report negative counts, or more cached tokens than input tokens. No cost may become negative.
const inputTokens = countOf(runs.inputTokens);
const cachedTokens = sql`least(${countOf(runs.cachedInputTokens)}, ${inputTokens})`;
const outputTokens = countOf(runs.outputTokens);
const isCounted = sql`(${runs.inputTokens} is not null and ${runs.outputTokens} is not null)`;

/** Whether a model has answered in the run. `model` is set when the first round ends. */
export const hasAnswer = sql`(${runs.model} is not null)`;

/**
 * The cost of a run in US dollars, numeric; null if its tokens or their price are unknown. It is a `case`, not a join with a table
 * of prices: so no run can count twice, it works in filters and sums, and it is as fast.
 */
export function runCost(prices: readonly ModelPrice[] = PRICES): SQL {
  const cases = spansOf(prices).map((span) => sql`when ${isPricedIn(span)} then ${costBy(span)}`);
  return cases.length === 0 ? sql`null::numeric` : sql`case ${sql.join(cases, sql` `)} end`;
}

/** Aggregates over runs. The arguments are `runCost` and `hasAnswer`, or columns with their values. */
export function sumCosts(cost: SQL, answered: SQL) {
  const usedTokens = sql`(${inputTokens} + ${outputTokens}::bigint > 0 or (${answered} and not ${isCounted}))`;
  return {
    usd: sql<string>`trim_scale(coalesce(sum(${cost}), 0))::text`,
    unpricedRuns: sql<number>`(count(*) filter (where ${usedTokens} and ${cost} is null))::integer`,
  };
}

/** The cost of each thread's runs. Threads without runs are left out. */
export function findThreadCosts(
  db: Db,
  threadIds: readonly string[],
  prices?: readonly ModelPrice[],
): Promise<(CostFigures & { threadId: string })[]> {
  return db
    .select({ threadId: runs.threadId, ...sumCosts(runCost(prices), hasAnswer) })
    .from(runs)
    .where(sql`${runs.threadId} = any(${uuidArray(threadIds)})`)
    .groupBy(runs.threadId);
}

/** Condition: the run cost more than `usd`, a plain decimal. Unpriced runs do not match. */
export function runCostsOver(usd: string, prices?: readonly ModelPrice[]): SQL {
  return sql`${runCost(prices)} > ${usd}::numeric`;
}

/** Condition: the runs of the thread cost more than `usd` in total, as far as their prices are known. */
export function threadCostsOver(threadId: typeof threads.id, usd: string, prices?: readonly ModelPrice[]): SQL {
  return sql`(select sum(${runCost(prices)}) from ${runs} where ${eq(runs.threadId, threadId)}) > ${usd}::numeric`;
}

function isPricedIn({ model, fromInstant, untilInstant }: PriceSpan): SQL {
  return sql`${runs.model} = ${model} and ${isCounted} and ${runs.queuedAt} >= ${fromInstant}::timestamptz
    and ${runs.queuedAt} < ${untilInstant ?? "infinity"}::timestamptz`;
}

function countOf(column: AnyPgColumn): SQL {
  return sql`greatest(coalesce(${column}, 0), 0)`;
}

/** Prices are per million tokens. A division would round; this multiplication does not. */
function costBy({ inputUsd, cachedInputUsd, outputUsd }: PriceSpan): SQL {
  return sql`((${inputTokens} - ${cachedTokens}) * ${inputUsd}::numeric + ${cachedTokens} * ${cachedInputUsd}::numeric
    + ${outputTokens} * ${outputUsd}::numeric) * 0.000001`;
}
