/** The report of a period: questions, answers, costs. */
import { builder } from "../../builder.ts";
import type { DateRange as Days } from "../../usage/period.ts";
import {
  type UsageDimension as Dimension,
  expectedGroups,
  MAX_GROUPS,
  openUsage,
  type UsageReport as Report,
} from "../../usage/report.ts";
import { DateRange } from "../inputs.ts";
import { UsageFigures } from "./usage-figures.ts";
import { UsageGroup } from "./usage-group.ts";

/** A report reads all rows of its period in several tables: a request may have a few reports, but not dozens. */
const REPORT_COST = 3_000;

const UsageDimension = builder.enumType("UsageDimension", {
  description: "How a report is grouped. Figures without a person or model form a group of their own.",
  values: {
    DAY: { value: "day", description: "By day." },
    WEEK: { value: "week", description: "By week, from Monday." },
    MONTH: { value: "month", description: "By month." },
    STAFF_MEMBER: {
      value: "staffMember",
      description: "By the person who asked. A message counts for its author, an answer for the person who asked.",
    },
    MODEL: { value: "model", description: "By the model of the run." },
    TOOL: {
      value: "tool",
      description:
        "By tool. A run and its messages count in the group of each tool that the run called, so these groups do not add up to the total.",
    },
  } satisfies Record<string, { value: Dimension; description: string }>,
});

const UsageReport = builder.objectRef<Report>("UsageReport").implement({
  description: "Questions, answers and costs in a period.",
  fields: (t) => ({
    from: t.field({
      type: "Date",
      description: "The first day of the period.",
      resolve: ({ period }) => period.from.toString(),
    }),
    until: t.field({
      type: "Date",
      description: "The first day after the period.",
      resolve: ({ period }) => period.until.toString(),
    }),
    timeZone: t.string({
      description: "The shop's time zone, in which days begin and end.",
      resolve: ({ period }) => period.timeZone,
    }),
    total: t.field({
      type: UsageFigures,
      description: "The figures of the whole period.",
      resolve: ({ total }) => total,
    }),
    groups: t.field({
      type: [UsageGroup],
      description: `All days, weeks or months in order, including empty ones. Of people, models and tools the ${MAX_GROUPS} with the most runs, largest first.`,
      resolve: async (report) => (await report.groups()).shown,
    }),
    omittedGroups: t.int({
      description: `The number of groups that are not listed: 0 unless there are more than ${MAX_GROUPS}.`,
      resolve: async (report) => (await report.groups()).omitted,
    }),
  }),
});

builder.queryField("usage", (t) =>
  t.field({
    type: UsageReport,
    description:
      "Questions, answers and costs in a period of the shop's calendar. A run counts on the day it was queued, a message or tool call on the day it was stored.",
    args: {
      period: t.arg({ type: DateRange, required: true, description: "The days of the report, at most 400." }),
      by: t.arg({ type: UsageDimension, required: true, description: "How to group the figures." }),
    },
    complexity: ({ period, by }: { period: Days; by: Dimension }) => ({
      field: REPORT_COST,
      multiplier: expectedGroups(period, by),
    }),
    resolve: (_, { period, by }, context) => openUsage(context, period, by),
  }),
);
