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
  description: "What a person reads while a tool runs.",
  fields: (t) => ({
    en: t.exposeString("en", { description: "In English." }),
    vi: t.exposeString("vi", { description: "In Vietnamese." }),
  }),
});

const ToolStatistics = builder.objectRef<Omit<ToolFigures, "name">>("ToolStatistics").implement({
  description: "How the calls of a tool went in a period.",
  fields: (t) => ({
    calls: t.exposeInt("calls", { description: "How often a model asked for it, calls under way among them." }),
    succeeded: t.exposeInt("succeeded", { description: "Calls that gave an output." }),
    failed: t.exposeInt("failed", { description: "Calls that gave an error." }),
    failureRate: t.float({
      nullable: true,
      description: "Which part of the calls that have ended failed, from 0 to 1; null where none has ended.",
      resolve: ({ succeeded, failed }) => (succeeded + failed === 0 ? null : failed / (succeeded + failed)),
    }),
    duration: t.expose("duration", { type: Percentiles, description: "From a call's beginning to its end." }),
  }),
});

const Tool = builder.objectRef<ToolEntry>("Tool").implement({
  description: "What the Assistant can do beside talking: a function that the model may call.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "What the model calls it by." }),
    description: t.exposeString("description", { description: "What the model is told of it." }),
    parameters: t.expose("parameters", { type: "JSON", description: "The JSON Schema of its arguments." }),
    allowedRoles: t.expose("allowedRoles", {
      type: [StaffRole],
      description: "Whose questions may use it: for others it answers with a refusal.",
    }),
    label: t.expose("label", { type: ToolLabel, description: "What a person reads while it runs." }),
    lastUsedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When a model last asked for it; null where none ever did.",
      resolve: ({ name }, _, context) => loadLastUse(context, name),
    }),
    statistics: t.field({
      type: ToolStatistics,
      description: "How its calls went.",
      complexity: { field: STATISTICS_COST, multiplier: 1 },
      args: {
        period: t.arg({
          type: DateRange,
          description: `In which days of the shop's calendar, at most 400; left out: the last ${DEFAULT_DAYS}, today among them.`,
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
    description: "The tools that the Assistant has now, in the order in which the model is told of them.",
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
