/**
 * Usage figures of a period: one statement each for runs, messages and tool calls, with groups and a total.
 *
 * A run counts at the time it was queued, a message or call at the time it was stored. Each table is read by its index on that
 * time, within the period only. Days and time zones are the caller's: this takes instants.
 */
import { type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { ENDED_STATUSES, type EndedRunStatus, OPEN_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { hasStatus, messages, runs, toolCalls } from "../../schema/index.ts";
import { type CostFigures, hasAnswer, runCost, sumCosts } from "./costs.ts";
import { isThreadInEnvironment } from "./environments.ts";

export interface UsageQuery {
  readonly by: "time" | "staffMember" | "model" | "tool";
  /** Start times of the intervals in ascending order. The first is the start of the period. */
  readonly starts: readonly Date[];
  /** The end of the period, excluded. */
  readonly until: Date;
  /** The environment: see `environments.ts`. */
  readonly sandbox: boolean;
}

/** Figures of one group, or the total (`isTotal`). */
export type Grouped<Figures> = Figures & {
  readonly isTotal: boolean;
  /** The number of the interval, from 1; the staff member's id; the model; the tool. Null for rows without one. */
  readonly key: string | null;
};

/** Durations in milliseconds. Unknown durations are not counted. */
export interface PercentileFigures {
  readonly count: number;
  /** The 50th, 95th and 99th percentile, each an actual duration (no interpolation). Null if `count` is 0. */
  readonly values: readonly number[] | null;
}

export interface RunFigures {
  readonly counts: { total: number; open: number } & Record<EndedRunStatus, number>;
  readonly tokens: { input: number; cachedInput: number; output: number; reasoning: number };
  readonly cost: CostFigures;
  readonly firstText: PercentileFigures;
  readonly duration: PercentileFigures;
}

export interface MessageFigures {
  readonly messages: number;
  readonly questions: number;
}

export interface CallFigures {
  readonly toolCalls: number;
  readonly failedToolCalls: number;
}

/** Figures of the runs queued in the period. By tool, a run counts in the group of each tool that it called. */
export function findRunUsage(db: Db, usage: UsageQuery): Promise<Grouped<RunFigures>[]> {
  const { isTotal, groupBy } = groupingOf(usage.by === "tool");
  return db
    .select({
      isTotal,
      key,
      counts: {
        total: sql<number>`count(*)::integer`,
        open: countWhere(hasStatus(runs.status, OPEN_STATUSES)),
        ...countEnds(),
      },
      tokens: {
        input: sumOf(runs.inputTokens),
        cachedInput: sumOf(runs.cachedInputTokens),
        output: sumOf(runs.outputTokens),
        reasoning: sumOf(runs.reasoningTokens),
      },
      cost: sumCosts(sql`cost`, sql`has_answer`),
      firstText: percentilesOf(sql`first_text_ms`),
      duration: percentilesOf(sql`nullif(${runs.durationMs}, -1)`),
    })
    .from(runFacts(usage))
    .groupBy(groupBy);
}

/** Figures of the messages stored in the period. By staff member, answers count for the person who asked. */
export function findMessageUsage(db: Db, usage: UsageQuery): Promise<Grouped<MessageFigures>[]> {
  const { isTotal, groupBy } = groupingOf(usage.by === "tool");
  return db
    .select({
      isTotal,
      key,
      messages: sql<number>`count(*)::integer`,
      questions: countWhere(sql`${messages.role} = 'user'`),
    })
    .from(messageFacts(usage))
    .groupBy(groupBy);
}

/** Figures of the tool calls created in the period. */
export function findCallUsage(db: Db, usage: UsageQuery): Promise<Grouped<CallFigures>[]> {
  const { isTotal, groupBy } = groupingOf(false);
  return db
    .select({
      isTotal,
      key,
      toolCalls: sql<number>`count(*)::integer`,
      failedToolCalls: countWhere(sql`${toolCalls.status} = 'failed'`),
    })
    .from(callFacts(usage))
    .groupBy(groupBy);
}

/** Aggregates of durations in milliseconds. Null is not counted. */
export function percentilesOf(ms: SQL) {
  return {
    count: sql<number>`count(${ms})::integer`,
    values: sql<number[] | null>`percentile_disc('{0.5,0.95,0.99}'::float8[]) within group (order by ${ms})`,
  };
}

/** Null without a text, where `greatest` alone would return 0. Bounded, because clocks of machines differ and `integer` is limited. */
const firstTextMs = sql`case when ${runs.firstTokenAt} is not null then
  least(greatest(extract(epoch from ${runs.firstTokenAt} - ${runs.queuedAt}) * 1000, 0), 2147483647)::integer end`;

function countEnds(): Record<EndedRunStatus, SQL<number>> {
  const counts = ENDED_STATUSES.map((status) => [status, countWhere(hasStatus(runs.status, [status]))]);
  return Object.fromEntries(counts);
}

export function countWhere(condition: SQL): SQL<number> {
  return sql<number>`(count(*) filter (where ${condition}))::integer`;
}

const key = sql<string | null>`group_key::text`;

/** A row with one key counts in its group and in the total. A row with several keys has one copy per key and one for the total. */
function groupingOf(hasManyKeys: boolean): { isTotal: SQL<boolean>; groupBy: SQL } {
  if (hasManyKeys) return { isTotal: sql<boolean>`is_total`, groupBy: sql`group_key, is_total` };
  return { isTotal: sql<boolean>`grouping(group_key) = 1`, groupBy: sql`grouping sets ((group_key), ())` };
}

/** Named like its table, as are the two below. Selects only columns that are counted, because the rows are sorted by their key. */
function runFacts(usage: UsageQuery): SQL {
  const counted = sql`${runs.status}, ${runs.inputTokens}, ${runs.cachedInputTokens}, ${runs.outputTokens},
    ${runs.reasoningTokens}, ${runs.durationMs}, ${firstTextMs} as first_text_ms, ${runCost()} as cost, ${hasAnswer} as has_answer`;
  const within = isWithin(runs, runs.queuedAt, usage);
  if (usage.by === "tool") {
    return sql`(${byTool(sql`select ${runs.id} as run_id, ${counted} from ${runs} where ${within}`)}) as ${runs}`;
  }
  const keys = { time: intervalOf(runs.queuedAt, usage), staffMember: runs.askerId, model: runs.model };
  return sql`(select ${keys[usage.by]} as group_key, ${counted} from ${runs} where ${within}) as ${runs}`;
}

function messageFacts(usage: UsageQuery): SQL {
  const within = isWithin(messages, messages.createdAt, usage);
  if (usage.by === "tool") {
    const facts = sql`select ${messages.runId} as run_id, ${messages.role} from ${messages} where ${within}`;
    return sql`(${byTool(facts)}) as ${messages}`;
  }
  const keys = {
    time: intervalOf(messages.createdAt, usage),
    staffMember: sql`coalesce(${messages.authorId}, ${runs.askerId})`,
    model: runs.model,
  };
  return sql`(select ${keys[usage.by]} as group_key, ${messages.role} from ${messages}
    left join ${runs} on ${runs.id} = ${messages.runId} where ${within}) as ${messages}`;
}

function callFacts(usage: UsageQuery): SQL {
  const keys = {
    time: intervalOf(toolCalls.createdAt, usage),
    staffMember: runs.askerId,
    model: runs.model,
    tool: toolCalls.name,
  };
  return sql`(select ${keys[usage.by]} as group_key, ${toolCalls.status} from ${toolCalls}
    left join ${runs} on ${runs.id} = ${toolCalls.runId}
    where ${isWithin(toolCalls, toolCalls.createdAt, usage)}) as ${toolCalls}`;
}

/**
 * Copies of facts with a `run_id`: one for the total and one per tool that the run called at any time, also outside the period.
 * The facts are read once, in the order of their time. Looking them up by run would be random access.
 */
function byTool(facts: SQL): SQL {
  return sql`with facts as materialized (${facts}),
    used as (select distinct ${toolCalls.runId} as run_id, ${toolCalls.name} as name from ${toolCalls}
      where ${toolCalls.runId} in (select run_id from facts))
    select null::text as group_key, true as is_total, facts.* from facts
    union all select used.name, false, facts.* from facts join used on used.run_id = facts.run_id`;
}

function isWithin(
  { threadId }: { readonly threadId: AnyPgColumn },
  column: AnyPgColumn,
  { starts, until, sandbox }: UsageQuery,
): SQL {
  return sql`${column} >= ${instantOf(starts[0])} and ${column} < ${instantOf(until)}
    and ${isThreadInEnvironment(threadId, sandbox)}`;
}

function intervalOf(column: AnyPgColumn, { starts }: UsageQuery): SQL {
  const bounds = `{${starts.map((start) => start.toISOString()).join(",")}}`;
  return sql`width_bucket(${column}, ${bounds}::timestamptz[])`;
}

function instantOf(date: Date | undefined): SQL {
  if (date === undefined) throw new TypeError("a period needs a start");
  return sql`${date.toISOString()}::timestamptz`;
}

/** As a double, which is exact up to 2^53. No sum of tokens reaches that. */
function sumOf(column: AnyPgColumn): SQL<number> {
  return sql<number>`coalesce(sum(${column}), 0)::float8`;
}
