/** One group of a report: a day, a person, a model, a tool. */
import { builder } from "../../builder.ts";
import { encodeGlobalId } from "../../lists/ids.ts";
import type { UsageGroup as Group, UsageDimension } from "../../usage/report.ts";
import { StaffMember } from "../nodes.ts";
import { UsageFigures } from "./usage-figures.ts";

export const UsageGroup = builder.objectRef<Group>("UsageGroup").implement({
  description: "What belongs to one day, week, month, person, model or tool.",
  fields: (t) => ({
    key: t.string({
      description:
        "Names it within its report: its `date`, the person's `id`, the model, the tool; empty for what belongs to none, such as a run that no model has begun.",
      resolve: ({ by, value }) =>
        by === "staffMember" && value !== null ? encodeGlobalId("StaffMember", value) : (value ?? ""),
    }),
    date: t.field({
      type: "Date",
      nullable: true,
      description:
        "The first day of the day, week or month; null in other reports. It may lie before the period, whose days alone are counted.",
      resolve: (group) => (isTime(group.by) ? group.value : null),
    }),
    staffMember: t.field({
      type: StaffMember,
      nullable: true,
      description: "The person; null in other reports, and for what belongs to nobody.",
      resolve: ({ by, value }) => (by === "staffMember" ? value : null),
    }),
    model: t.string({
      nullable: true,
      description: "The model; null in other reports, and for runs that no model has begun.",
      resolve: ({ by, value }) => (by === "model" ? value : null),
    }),
    tool: t.string({
      nullable: true,
      description: "The tool's name, as the model called it; null in other reports.",
      resolve: ({ by, value }) => (by === "tool" ? value : null),
    }),
    figures: t.field({ type: UsageFigures, description: "Its figures.", resolve: ({ figures }) => figures }),
  }),
});

function isTime(by: UsageDimension): boolean {
  return by === "day" || by === "week" || by === "month";
}
