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
  description: "By what a report is divided. What belongs to no person or model is a group of its own.",
  values: {
    DAY: { value: "day", description: "By day." },
    WEEK: { value: "week", description: "By week, from Monday." },
    MONTH: { value: "month", description: "By month." },
    STAFF_MEMBER: {
      value: "staffMember",
      description: "By who asked; a message by who wrote it, or whom it answers.",
    },
    MODEL: { value: "model", description: "By the model of the run that something belongs to." },
    TOOL: {
      value: "tool",
      description:
        "By tool. A run and its messages are in the group of each tool that the run called, so these figures do not add up to the total.",
    },
  } satisfies Record<string, { value: Dimension; description: string }>,
});

const UsageReport = builder.objectRef<Report>("UsageReport").implement({
  description: "What was asked, answered and spent in a period.",
  fields: (t) => ({
    from: t.field({ type: "Date", description: "Its first day.", resolve: ({ period }) => period.from.toString() }),
    until: t.field({
      type: "Date",
      description: "The first day that no longer belongs to it.",
      resolve: ({ period }) => period.until.toString(),
    }),
    timeZone: t.string({
      description: "The shop's time zone, in which its days begin and end.",
      resolve: ({ period }) => period.timeZone,
    }),
    total: t.field({ type: UsageFigures, description: "All of the period.", resolve: ({ total }) => total }),
    groups: t.field({
      type: [UsageGroup],
      description: `All days, weeks or months in their order, also those in which nothing happened; of people, models and tools the ${MAX_GROUPS} with the most runs, the largest first.`,
      resolve: async (report) => (await report.groups()).shown,
    }),
    omittedGroups: t.int({
      description: `How many groups there are beside those: none up to ${MAX_GROUPS}.`,
      resolve: async (report) => (await report.groups()).omitted,
    }),
  }),
});

builder.queryField("usage", (t) =>
  t.field({
    type: UsageReport,
    description:
      "What was asked, answered and spent in a period of the shop's calendar. A run belongs to the day on which it was queued, a message and a tool call to the day on which they were stored.",
    args: {
      period: t.arg({ type: DateRange, required: true, description: "Which days; at most 400 of them." }),
      by: t.arg({ type: UsageDimension, required: true, description: "By what it is divided." }),
    },
    complexity: ({ period, by }: { period: Days; by: Dimension }) => ({
      field: REPORT_COST,
      multiplier: expectedGroups(period, by),
    }),
    resolve: (_, { period, by }, context) => openUsage(context, period, by),
  }),
);
