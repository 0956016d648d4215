/**
 * What was asked, answered and spent in a period: one statement for runs, one for messages, one for tool calls, each with
 * its groups and their total.
 *
 * A run belongs to the moment it was queued, a message and a call to the one they were stored. Each table is read by the
 * index of its time, within the period only. It knows neither days nor time zones: those are given as instants.
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
  /** Where the stretches of time begin, in their order: the first is where the period begins. */
  readonly starts: readonly Date[];
  /** The first instant that no longer belongs to it. */
  readonly until: Date;
  /** Of which side (`admin-sides.ts`). */
  readonly sandbox: boolean;
}

/** Figures of one group, or of all (`isTotal`). */
export type Grouped<Figures> = Figures & {
  readonly isTotal: boolean;
  /** The stretch of time, counted from 1; the person's id; the model; the tool. Null where there is none. */
  readonly key: string | null;
};

/** How long something took, in milliseconds, over those of which it is known. */
export interface PercentileFigures {
  readonly count: number;
  /** The 50th, 95th and 99th percentile: times that were taken, nothing in between. Null where `count` is 0. */
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

/** The runs that were queued in the period. By tool a run is in the group of each tool that it called. */
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

/** The messages that were stored in the period: by person those of the person and the answers to them. */
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

/** The tool calls that models asked for in the period. */
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

/** Aggregates of a time in milliseconds; null is not counted. */
export function percentilesOf(ms: SQL) {
  return {
    count: sql<number>`count(${ms})::integer`,
    values: sql<number[] | null>`percentile_disc('{0.5,0.95,0.99}'::float8[]) within group (order by ${ms})`,
  };
}

/** Null without a text: `greatest` alone would make a 0 of it. The clocks of two machines may differ, and `integer` ends. */
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

/** A row with one key counts in its group and in the total; of one with many there is a copy for each, and for the total. */
function groupingOf(hasManyKeys: boolean): { isTotal: SQL<boolean>; groupBy: SQL } {
  if (hasManyKeys) return { isTotal: sql<boolean>`is_total`, groupBy: sql`group_key, is_total` };
  return { isTotal: sql<boolean>`grouping(group_key) = 1`, groupBy: sql`grouping sets ((group_key), ())` };
}

/** Each of the three under its table's own name, and with no column more than is counted: they are sorted by their key. */
function runFacts(usage: UsageQuery): SQL {
  const counted = sql`${runs.status}, ${runs.inputTokens}, ${runs.cachedInputTokens}, ${runs.outputTokens},
    ${runs.reasoningTokens}, ${runs.durationMs}, ${firstTextMs} as first_text_ms, ${runCost()} as cost, ${hasAnswer} as has_answer`;
  const within = isWithin(runs, runs.queuedAt, usage);
  if (usage.by === "tool") {
    return sql`(${byTool(sql`select ${runs.id} as run_id, ${counted} from ${runs} where ${within}`)}) as ${runs}`;
  }
  const keys = { time: stretchOf(runs.queuedAt, usage), staffMember: runs.askerId, model: runs.model };
  return sql`(select ${keys[usage.by]} as group_key, ${counted} from ${runs} where ${within}) as ${runs}`;
}

function messageFacts(usage: UsageQuery): SQL {
  const within = isWithin(messages, messages.createdAt, usage);
  if (usage.by === "tool") {
    const facts = sql`select ${messages.runId} as run_id, ${messages.role} from ${messages} where ${within}`;
    return sql`(${byTool(facts)}) as ${messages}`;
  }
  const keys = {
    time: stretchOf(messages.createdAt, usage),
    staffMember: sql`coalesce(${messages.authorId}, ${runs.askerId})`,
    model: runs.model,
  };
  return sql`(select ${keys[usage.by]} as group_key, ${messages.role} from ${messages}
    left join ${runs} on ${runs.id} = ${messages.runId} where ${within}) as ${messages}`;
}

function callFacts(usage: UsageQuery): SQL {
  const keys = {
    time: stretchOf(toolCalls.createdAt, usage),
    staffMember: runs.askerId,
    model: runs.model,
    tool: toolCalls.name,
  };
  return sql`(select ${keys[usage.by]} as group_key, ${toolCalls.status} from ${toolCalls}
    left join ${runs} on ${runs.id} = ${toolCalls.runId}
    where ${isWithin(toolCalls, toolCalls.createdAt, usage)}) as ${toolCalls}`;
}

/**
 * Facts of runs (`run_id`), each once for the total and once for each tool that its run called, whenever that was: before the
 * period what is answered in it, after it what was asked. They are read once, in the order of their time: looked up by their
 * runs they lie far apart.
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

function stretchOf(column: AnyPgColumn, { starts }: UsageQuery): SQL {
  const bounds = `{${starts.map((start) => start.toISOString()).join(",")}}`;
  return sql`width_bucket(${column}, ${bounds}::timestamptz[])`;
}

function instantOf(date: Date | undefined): SQL {
  if (date === undefined) throw new TypeError("a period needs a beginning");
  return sql`${date.toISOString()}::timestamptz`;
}

/** As a double: exact up to 2^53, which no sum of tokens reaches. */
function sumOf(column: AnyPgColumn): SQL<number> {
  return sql<number>`coalesce(sum(${column}), 0)::float8`;
}
