/**
 * What runs cost, in SQL, by the dated prices: each run by its model and by the day on which it was asked.
 *
 * The same amounts as `costOf` (src/model-prices.ts), which knows one run; here are many. Exact: numeric arithmetic that only
 * multiplies and adds. A run that used tokens of a model without a price then, or tokens that nobody counted, is counted as
 * unpriced, never as 0.
 *
 * A run whose model was changed between its rounds, by a restart with another OPENAI_MODEL, costs as if the last had done
 * all: its own rounds may add up to something else. By round it would be a join of all runs with all rounds, for a rare case.
 */
import { eq, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { type ModelPrice, PRICES, type PriceSpan, spansOf } from "../../../model-prices.ts";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { runs, type threads } from "../../schema/index.ts";

/** What some runs cost together. */
export interface CostFigures {
  /** US dollars, a plain decimal, of the runs whose price is known. */
  readonly usd: string;
  /** Runs that used tokens whose number or price is not known. */
  readonly unpricedRuns: number;
}

// A server may count below 0, and more as cached than came in: nothing costs less than nothing.
const inputTokens = wholeOf(runs.inputTokens);
const cachedTokens = sql`least(${wholeOf(runs.cachedInputTokens)}, ${inputTokens})`;
const outputTokens = wholeOf(runs.outputTokens);
const isCounted = sql`(${runs.inputTokens} is not null and ${runs.outputTokens} is not null)`;

/** Whether a model has answered in the run: the column is set with the first finished round. */
export const hasAnswer = sql`(${runs.model} is not null)`;

/**
 * US dollars of a run, numeric; null where its tokens or their price are not known. A choice and not a join with the prices as
 * rows: no run can be counted twice by it, it stands in a filter as well as in a sum, and it is no slower.
 */
export function runCost(prices: readonly ModelPrice[] = PRICES): SQL {
  const cases = spansOf(prices).map((span) => sql`when ${isPricedIn(span)} then ${costBy(span)}`);
  return cases.length === 0 ? sql`null::numeric` : sql`case ${sql.join(cases, sql` `)} end`;
}

/** Aggregates over runs, of `runCost` and `hasAnswer` or of columns that hold them. */
export function sumCosts(cost: SQL, asked: SQL) {
  const usedTokens = sql`(${inputTokens} + ${outputTokens}::bigint > 0 or (${asked} and not ${isCounted}))`;
  return {
    usd: sql<string>`trim_scale(coalesce(sum(${cost}), 0))::text`,
    unpricedRuns: sql<number>`(count(*) filter (where ${usedTokens} and ${cost} is null))::integer`,
  };
}

/** What the runs of each of these threads cost; a thread without runs is left out. */
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

/** Runs that cost more than `usd`, a plain decimal; one whose price is not known does not. */
export function runCostsOver(usd: string, prices?: readonly ModelPrice[]): SQL {
  return sql`${runCost(prices)} > ${usd}::numeric`;
}

/** Threads whose runs cost more than `usd` together, as far as their prices are known. */
export function threadCostsOver(threadId: typeof threads.id, usd: string, prices?: readonly ModelPrice[]): SQL {
  return sql`(select sum(${runCost(prices)}) from ${runs} where ${eq(runs.threadId, threadId)}) > ${usd}::numeric`;
}

function isPricedIn({ model, fromInstant, untilInstant }: PriceSpan): SQL {
  return sql`${runs.model} = ${model} and ${isCounted} and ${runs.queuedAt} >= ${fromInstant}::timestamptz
    and ${runs.queuedAt} < ${untilInstant ?? "infinity"}::timestamptz`;
}

function wholeOf(column: AnyPgColumn): SQL {
  return sql`greatest(coalesce(${column}, 0), 0)`;
}

/** A division by a million would round; this does not. */
function costBy({ inputUsd, cachedInputUsd, outputUsd }: PriceSpan): SQL {
  return sql`((${inputTokens} - ${cachedTokens}) * ${inputUsd}::numeric + ${cachedTokens} * ${cachedInputUsd}::numeric
    + ${outputTokens} * ${outputUsd}::numeric) * 0.000001`;
}
