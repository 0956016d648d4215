/** The tools of the Assistant, and the statistics of their calls. A tool that was removed is only in `usage` by tool. */
import { findLastUses, findToolFigures, type ToolFigures } from "../../../db/queries/admin/tools.ts";
import type { ToolEntry } from "../../api-environment.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";
import { lastDays, type Period, readPeriod, spanOf } from "../../usage/period.ts";
import { DateRange } from "../inputs.ts";
import { StaffRole } from "../people/staff-member.ts";
import { Percentiles } from "../usage/percentiles.ts";

/** The default period of statistics. */
const DEFAULT_DAYS = 30;

/** To estimate the cost of a query. Statistics read all calls of a period, once for all tools. */
const EXPECTED_TOOLS = 10;
const STATISTICS_COST = 200;

const ToolLabel = builder.objectRef<ToolEntry["label"]>("ToolLabel").implement({
  description: "The text that staff see while a tool runs.",
  fields: (t) => ({
    en: t.exposeString("en", { description: "In English." }),
    vi: t.exposeString("vi", { description: "In Vietnamese." }),
  }),
});

const ToolStatistics = builder.objectRef<Omit<ToolFigures, "name">>("ToolStatistics").implement({
  description: "Figures of the calls of a tool in a period.",
  fields: (t) => ({
    calls: t.exposeInt("calls", { description: "The number of calls, including those that have not ended." }),
    succeeded: t.exposeInt("succeeded", { description: "Calls that returned an output." }),
    failed: t.exposeInt("failed", { description: "Calls that failed." }),
    failureRate: t.float({
      nullable: true,
      description: "The share of failed calls among those that have ended, from 0 to 1; null if none has ended.",
      resolve: ({ succeeded, failed }) => (succeeded + failed === 0 ? null : failed / (succeeded + failed)),
    }),
    duration: t.expose("duration", { type: Percentiles, description: "The durations of the calls from start to end." }),
  }),
});

const Tool = builder.objectRef<ToolEntry>("Tool").implement({
  description: "A function that the model can call.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "The name by which the model calls the tool." }),
    description: t.exposeString("description", { description: "The description that the model gets." }),
    parameters: t.expose("parameters", { type: "JSON", description: "The JSON Schema of the arguments." }),
    allowedRoles: t.expose("allowedRoles", {
      type: [StaffRole],
      description: "The roles whose questions may use the tool. For other roles it returns a refusal.",
    }),
    label: t.expose("label", { type: ToolLabel, description: "The text that staff see while the tool runs." }),
    lastUsedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When a model last called the tool; null if never.",
      resolve: ({ name }, _, context) => loadLastUse(context, name),
    }),
    statistics: t.field({
      type: ToolStatistics,
      description: "Figures of the calls of the tool.",
      complexity: { field: STATISTICS_COST, multiplier: 1 },
      args: {
        period: t.arg({
          type: DateRange,
          description: `The days to count in the shop's calendar, at most 400. By default the last ${DEFAULT_DAYS} days, today included.`,
        }),
      },
      resolve: ({ name }, { period }, context) => {
        const { shop, now } = context.environment;
        const days = period ? readPeriod(period, shop.timeZone) : lastDays(DEFAULT_DAYS, now(), shop.timeZone);
        return loadStatistics(context, name, days);
      },
    }),
  }),
});

builder.queryField("tools", (t) =>
  t.field({
    type: [Tool],
    description: "The current tools of the Assistant, in the order in which the model gets them.",
    complexity: { field: 5, multiplier: EXPECTED_TOOLS },
    resolve: (_, __, { environment }) => [...environment.tools],
  }),
);

function loadStatistics(context: AdminContext, name: string, period: Period): Promise<Omit<ToolFigures, "name">> {
  const { from, until } = spanOf(period);
  const range = { from: from.toISOString(), until: until.toISOString() };
  return context.load(`tool statistics ${range.from} ${range.until}`, name, async (names) => {
    const figures = await findToolFigures(context.db, names, range, context.environment.sandbox);
    return inOrderOf(names, figures, (row) => row.name, NEVER_CALLED);
  });
}

const NEVER_CALLED = { calls: 0, succeeded: 0, failed: 0, duration: { count: 0, values: null } };

function loadLastUse(context: AdminContext, name: string): Promise<Date | null> {
  return context.load("tool last use", name, async (names) => {
    const uses = await findLastUses(context.db, names, context.environment.sandbox);
    return inOrderOf(names, uses, (row) => row.name, null).map((row) => row?.at ?? null);
  });
}
