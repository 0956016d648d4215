/**
 * What runs cost, in SQL: the dated prices as rows, joined by model and by the day on which a run was asked.
 *
 * The same amounts as `costOf` (src/prices.ts), which knows one run; here are many. Exact: numeric arithmetic that only
 * multiplies and adds. A run that used tokens of a model without a price then is counted as unpriced, never as 0.
 */
import { eq, type SQL, sql } from "drizzle-orm";
import { type ModelPrice, PRICES, spansOf } from "../../prices.ts";
import type { Db } from "../client.ts";
import { runs, type threads } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";

/** What some runs cost together. */
export interface CostFigures {
  /** US dollars, a plain decimal, of the runs whose price is known. */
  readonly usd: string;
  /** Runs that used tokens whose price is not known. */
  readonly unpricedRuns: number;
}

/** The prices as rows named `price`, to be joined to `runs` on `isPriceOfRun`; at most one fits a run. */
export function pricesAsRows(prices: readonly ModelPrice[] = PRICES): SQL {
  const rows = spansOf(prices).map(({ model, fromInstant, untilInstant, inputUsd, cachedInputUsd, outputUsd }) => ({
    model,
    from: fromInstant,
    until: untilInstant ?? "infinity",
    input: inputUsd,
    cached: cachedInputUsd,
    output: outputUsd,
  }));
  // Through text: the driver would write a parameter of the type jsonb as JSON once more.
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as price(
    "model" text, "from" timestamptz, "until" timestamptz, "input" numeric, "cached" numeric, "output" numeric)`;
}

export const isPriceOfRun = sql`(price."model" = ${runs.model}
  and ${runs.queuedAt} >= price."from" and ${runs.queuedAt} < price."until")`;

const inputTokens = sql`coalesce(${runs.inputTokens}, 0)`;
// A server may count more as cached than came in: nothing costs less than nothing.
const cachedTokens = sql`least(coalesce(${runs.cachedInputTokens}, 0), ${inputTokens})`;
const outputTokens = sql`coalesce(${runs.outputTokens}, 0)`;

/** US dollars, numeric; null where no price is joined. A division by a million would round, this does not. */
const runCost = sql`(((${inputTokens} - ${cachedTokens}) * price."input" + ${cachedTokens} * price."cached"
  + ${outputTokens} * price."output") * 0.000001)`;

/** Aggregates over `runs`, left-joined with `pricesAsRows`. */
export const costAggregates = {
  usd: sql<string>`trim_scale(coalesce(sum(${runCost}), 0))::text`,
  unpricedRuns: sql<number>`(count(*) filter (where price."model" is null
    and (${inputTokens} > 0 or ${outputTokens} > 0)))::integer`,
};

/** What the runs of each of these threads cost; a thread without runs is left out. */
export function findThreadCosts(
  db: Db,
  threadIds: readonly string[],
  prices?: readonly ModelPrice[],
): Promise<(CostFigures & { threadId: string })[]> {
  return db
    .select({ threadId: runs.threadId, ...costAggregates })
    .from(runs)
    .leftJoin(pricesAsRows(prices), isPriceOfRun)
    .where(sql`${runs.threadId} = any(${uuidArray(threadIds)})`)
    .groupBy(runs.threadId);
}

/** Runs that cost more than `usd`, a plain decimal; one whose price is not known does not. */
export function runCostsOver(usd: string, prices?: readonly ModelPrice[]): SQL {
  return sql`exists (select 1 from ${pricesAsRows(prices)} where ${isPriceOfRun} and ${runCost} > ${usd}::numeric)`;
}

/** Threads whose runs cost more than `usd` together, as far as their prices are known. */
export function threadCostsOver(threadId: typeof threads.id, usd: string, prices?: readonly ModelPrice[]): SQL {
  return sql`(select sum(${runCost}) from ${runs} join ${pricesAsRows(prices)} on ${isPriceOfRun}
    where ${eq(runs.threadId, threadId)}) > ${usd}::numeric`;
}
