/** Staff members, and the list of them. */
import {
  findStaffActivity,
  listStaff,
  type StaffActivity,
  type StaffOrder as StaffOrderName,
  type StaffRow,
} from "../../../db/queries/admin/staff.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { pageArguments, StaffMemberConnection } from "../connections.ts";
import { DateTimeRange, isDescending, OrderDirection } from "../inputs.ts";
import { StaffMember } from "../nodes.ts";
import { fromColumns, list } from "../reading.ts";

export const StaffRole = builder.enumType("StaffRole", {
  description: "What a person may do, in rising order.",
  values: {
    STAFF: { value: "staff", description: "Asks questions." },
    MANAGER: { value: "manager", description: "Also stops the runs of others." },
    OWNER: { value: "owner", description: "Also invites and removes people." },
  } satisfies Record<string, { value: StaffRow["role"]; description: string }>,
});

StaffMember.implement({
  description: "A person who may speak with the bot, or might once.",
  fields: (t) => ({
    telegramUserId: fromColumns(t, "telegramUserId").id({
      description: "Telegram's id of the person.",
      resolve: (row) => String(row.telegramUserId),
    }),
    name: t.exposeString("name", { description: "The name shown in Telegram when they were last seen." }),
    username: t.exposeString("username", { nullable: true, description: "Their @name in Telegram, without the @." }),
    role: t.expose("role", { type: StaffRole, description: "What they may do." }),
    // Not joined: the person may be in the other environment.
    invitedBy: t.field({
      type: StaffMember,
      nullable: true,
      description: "Whose invite they used; null for the first owner.",
      resolve: (row) => row.invitedBy,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When they became a staff member." }),
    removedAt: t.expose("removedAt", {
      type: "DateTime",
      nullable: true,
      description: "When an owner removed them; null while they may speak with the bot.",
    }),
    lastMessageAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the newest of their messages was stored; null where there is none.",
      resolve: async (row, _, context) => (await loadActivity(context, row.id))?.lastMessageAt,
    }),
    messageCount: t.int({
      description: "How many messages they wrote; 10,001 means more than 10,000.",
      resolve: async (row, _, context) => (await loadActivity(context, row.id))?.messageCount ?? 0,
    }),
  }),
});

const StaffFilter = builder.inputType("StaffFilter", {
  description: "Which staff members; all conditions given must hold.",
  fields: (t) => ({
    role: t.field({ type: StaffRole, description: "With this role." }),
    removed: t.boolean({ description: "True: only the removed. False: only those who are not." }),
    text: t.string({
      description:
        "With these words in the name or the @name, in any order, whatever their case and accents; written as in `MessageFilter.text`.",
    }),
    created: t.field({ type: DateTimeRange, description: "Who became staff members in this time." }),
  }),
});

const StaffOrderField = builder.enumType("StaffOrderField", {
  description: "By what staff members can be ordered.",
  values: {
    CREATED_AT: { value: "createdAt", description: "When they became staff members." },
    NAME: { value: "name", description: "Their names, whatever the case and accents: A to Z is `ASC`." },
  } satisfies Record<string, { value: StaffOrderName; description: string }>,
});

const StaffOrder = builder.inputType("StaffOrder", {
  description: "An order of staff members.",
  fields: (t) => ({
    field: t.field({ type: StaffOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

builder.queryField("staff", (t) =>
  t.field({
    type: StaffMemberConnection,
    description: "The staff members, the removed among them; the newest first unless ordered otherwise.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: StaffFilter, description: "Which of them." }),
      orderBy: t.arg({ type: StaffOrder, description: "In which order." }),
    },
    ...list(openStaff),
  }),
);

type Arguments = PageArguments & {
  readonly filter?: typeof StaffFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof StaffOrder.$inferInput | null | undefined;
};

function openStaff(context: AdminContext, args: Arguments): Page<StaffRow> {
  const order = args.orderBy?.field ?? "createdAt";
  const listing = listStaff(args.filter ?? {}, order, context.environment.sandbox);
  return openPage(context, { listing, descending: isDescending(args.orderBy), args });
}

function loadActivity(context: AdminContext, staffId: string): Promise<StaffActivity | null> {
  return context.load("staffActivity", staffId, async (staffIds) => {
    const rows = await findStaffActivity(context.db, staffIds);
    return inOrderOf(staffIds, rows, (row) => row.staffId, null);
  });
}
