/** One group of a report: a day, a person, a model, a tool. */
import { builder } from "../../builder.ts";
import { encodeGlobalId } from "../../lists/ids.ts";
import type { UsageGroup as Group, UsageDimension } from "../../usage/report.ts";
import { StaffMember } from "../nodes.ts";
import { UsageFigures } from "./usage-figures.ts";

export const UsageGroup = builder.objectRef<Group>("UsageGroup").implement({
  description: "The figures of one day, week, month, person, model or tool.",
  fields: (t) => ({
    key: t.string({
      description:
        "Identifies the group in its report: its `date`, the `id` of the person, the model or the tool. Empty for figures without one, such as runs that no model has started.",
      resolve: ({ by, value }) =>
        by === "staffMember" && value !== null ? encodeGlobalId("StaffMember", value) : (value ?? ""),
    }),
    date: t.field({
      type: "Date",
      nullable: true,
      description:
        "The first day of the day, week or month; null in other reports. It may be before the period, but only days of the period count.",
      resolve: (group) => (isTime(group.by) ? group.value : null),
    }),
    staffMember: t.field({
      type: StaffMember,
      nullable: true,
      description: "The person; null in other reports, and for figures without a person.",
      resolve: ({ by, value }) => (by === "staffMember" ? value : null),
    }),
    model: t.string({
      nullable: true,
      description: "The model; null in other reports, and for runs that no model has started.",
      resolve: ({ by, value }) => (by === "model" ? value : null),
    }),
    tool: t.string({
      nullable: true,
      description: "The name of the tool as the model called it; null in other reports.",
      resolve: ({ by, value }) => (by === "tool" ? value : null),
    }),
    figures: t.field({
      type: UsageFigures,
      description: "The figures of the group.",
      resolve: ({ figures }) => figures,
    }),
  }),
});

function isTime(by: UsageDimension): boolean {
  return by === "day" || by === "week" || by === "month";
}
