/**
 * A usage report of a period: its groups and their figures.
 *
 * Runs, messages and tool calls are read only if one of their figures is selected, each by one statement for all groups and the
 * total.
 */
import {
  type CallFigures,
  findCallUsage,
  findMessageUsage,
  findRunUsage,
  type Grouped,
  type MessageFigures,
  type RunFigures,
  type UsageQuery,
} from "../../db/queries/admin/usage.ts";
import type { AdminContext } from "../context.ts";
import { type DateRange, type IntervalUnit, intervalsOf, type Period, readPeriod, spanOf } from "./period.ts";

export type UsageDimension = IntervalUnit | "staffMember" | "model" | "tool";

/** Most groups by person, model or tool in one report: nobody charts more. */
export const MAX_GROUPS = 100;

export interface UsageReport {
  readonly by: UsageDimension;
  readonly period: Period;
  /** The groups of the report, and how many more there are. Groups by time come in their order, others largest first. */
  groups(): Promise<{ shown: UsageGroup[]; omitted: number }>;
  readonly total: UsageFigures;
}

export interface UsageGroup {
  readonly by: UsageDimension;
  /** A date, a person's id, a model or a tool; null for figures without one. */
  readonly value: string | null;
  readonly figures: UsageFigures;
}

/** Each function reads when it is called. A group without rows has zeros. */
export interface UsageFigures {
  runs(): Promise<RunFigures>;
  messages(): Promise<MessageFigures>;
  calls(): Promise<CallFigures>;
}

/** @throws {BadInputError} as `readPeriod` */
export function openUsage(context: AdminContext, range: DateRange, by: UsageDimension): UsageReport {
  const period = readPeriod(range, context.environment.shop.timeZone);
  const tables = readTables(context, period, by);
  const figuresOf = (key: string): UsageFigures => ({
    runs: async () => (await tables.runs()).get(key) ?? NO_RUNS,
    messages: async () => (await tables.messages()).get(key) ?? NO_MESSAGES,
    calls: async () => (await tables.calls()).get(key) ?? NO_CALLS,
  });
  const toGroup = (key: string, value: string | null) => ({ by, value, figures: figuresOf(key) });
  const groups = async () => {
    if (isUnit(by)) {
      const shown = intervalsOf(period, by).map(({ date }, index) => toGroup(keyOf(`${index + 1}`), date.toString()));
      return { shown, omitted: 0 };
    }
    const keys = largestFirst(await tables.runs(), await tables.messages(), await tables.calls());
    const shown = keys.slice(0, MAX_GROUPS).map((key) => toGroup(key, toGroupValue(key)));
    return { shown, omitted: keys.length - shown.length };
  };
  return { by, period, groups, total: figuresOf(TOTAL) };
}

/** How many groups a report may have, to estimate the cost of a query. */
export function expectedGroups({ from, until }: DateRange, by: UsageDimension): number {
  if (!isUnit(by)) return MAX_GROUPS;
  const days = Temporal.PlainDate.from(from).until(Temporal.PlainDate.from(until)).days;
  const length = { day: 1, week: 7, month: 28 }[by];
  return Math.min(Math.max(Math.ceil(days / length) + 1, 1), 400);
}

type Table<Figures> = ReadonlyMap<string, Figures>;

/** Read once per operation, even if it has several reports of the same period and dimension. */
function readTables(context: AdminContext, period: Period, by: UsageDimension) {
  const query = toQuery(period, by, context.environment.sandbox);
  const read = <Figures>(what: string, find: () => Promise<Grouped<Figures>[]>): Promise<Table<Figures>> =>
    context.load(`usage ${what} ${by} ${period.from} ${period.until}`, "", async () => [toTable(await find())]);
  return {
    runs: () => read("runs", () => findRunUsage(context.db, query)),
    messages: () => read("messages", () => findMessageUsage(context.db, query)),
    calls: () => read("calls", () => findCallUsage(context.db, query)),
  };
}

function toQuery(period: Period, by: UsageDimension, sandbox: boolean): UsageQuery {
  const { from, until } = spanOf(period);
  if (!isUnit(by)) return { by, starts: [from], until, sandbox };
  return { by: "time", starts: intervalsOf(period, by).map(({ start }) => start), until, sandbox };
}

function isUnit(by: UsageDimension): by is IntervalUnit {
  return by === "day" || by === "week" || by === "month";
}

const TOTAL = "total";
const NONE = "none";

function keyOf(key: string | null): string {
  return key === null ? NONE : `group ${key}`;
}

function toGroupValue(key: string): string | null {
  return key === NONE ? null : key.slice("group ".length);
}

function toTable<Figures>(rows: readonly Grouped<Figures>[]): Table<Figures> {
  return new Map(rows.map((row) => [row.isTotal ? TOTAL : keyOf(row.key), row]));
}

/** By runs, then by calls and messages, because some groups have no runs in the period. Then by name, for a stable order. */
function largestFirst(runs: Table<RunFigures>, messages: Table<MessageFigures>, calls: Table<CallFigures>): string[] {
  const keys = new Set([...runs.keys(), ...messages.keys(), ...calls.keys()]);
  keys.delete(TOTAL);
  const sizes = [
    (key: string) => runs.get(key)?.counts.total ?? 0,
    (key: string) => calls.get(key)?.toolCalls ?? 0,
    (key: string) => messages.get(key)?.messages ?? 0,
  ];
  return [...keys].sort((one, other) => {
    const differing = sizes.find((size) => size(one) !== size(other));
    return differing ? differing(other) - differing(one) : one < other ? -1 : 1;
  });
}

const NO_TIMES = { count: 0, values: null };
const NO_RUNS: RunFigures = {
  counts: { total: 0, open: 0, completed: 0, failed: 0, cancelled: 0, incomplete: 0 },
  tokens: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
  cost: { usd: "0", unpricedRuns: 0 },
  firstText: NO_TIMES,
  duration: NO_TIMES,
};
const NO_MESSAGES: MessageFigures = { messages: 0, questions: 0 };
const NO_CALLS: CallFigures = { toolCalls: 0, failedToolCalls: 0 };
