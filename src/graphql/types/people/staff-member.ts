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
  description: "What a person may do: each of STAFF, MANAGER and OWNER includes the one before.",
  values: {
    STAFF: { value: "staff", description: "May ask questions." },
    MANAGER: { value: "manager", description: "May also stop the runs of others." },
    OWNER: { value: "owner", description: "May also invite and remove people." },
  } satisfies Record<string, { value: StaffRow["role"]; description: string }>,
});

StaffMember.implement({
  description: "A person who may use the bot, or who was removed.",
  fields: (t) => ({
    telegramUserId: fromColumns(t, "telegramUserId").id({
      description: "The id of the person in Telegram.",
      resolve: (row) => String(row.telegramUserId),
    }),
    name: t.exposeString("name", { description: "The name in Telegram when the person was last seen." }),
    username: t.exposeString("username", { nullable: true, description: "The username in Telegram, without the @." }),
    role: t.expose("role", { type: StaffRole, description: "What the person may do." }),
    // Not joined: the person may be in the other environment.
    invitedBy: t.field({
      type: StaffMember,
      nullable: true,
      description: "Who invited the person; null for the first owner.",
      resolve: (row) => row.invitedBy,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the person became a staff member." }),
    removedAt: t.expose("removedAt", {
      type: "DateTime",
      nullable: true,
      description: "When an owner removed the person; null for a current staff member.",
    }),
    lastMessageAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the latest message of the person was stored; null if there is none.",
      resolve: async (row, _, context) => (await loadActivity(context, row.id))?.lastMessageAt,
    }),
    messageCount: t.int({
      description: "The number of messages of the person. 10,001 means more than 10,000.",
      resolve: async (row, _, context) => (await loadActivity(context, row.id))?.messageCount ?? 0,
    }),
  }),
});

const StaffFilter = builder.inputType("StaffFilter", {
  description: "Filters staff members. All given conditions must match.",
  fields: (t) => ({
    role: t.field({ type: StaffRole, description: "Staff members with this role." }),
    removed: t.boolean({ description: "True: only removed staff members. False: only current ones." }),
    text: t.string({
      description:
        "Staff members with these words in their name or username. The words may be in any order; case and accents are ignored. The syntax is that of `MessageFilter.text`.",
    }),
    created: t.field({ type: DateTimeRange, description: "People who became staff members in this time range." }),
  }),
});

const StaffOrderField = builder.enumType("StaffOrderField", {
  description: "Fields by which staff members can be ordered.",
  values: {
    CREATED_AT: { value: "createdAt", description: "By the time they became staff members." },
    NAME: { value: "name", description: "By name, ignoring case and accents. `ASC` is A to Z." },
  } satisfies Record<string, { value: StaffOrderName; description: string }>,
});

const StaffOrder = builder.inputType("StaffOrder", {
  description: "How to order staff members.",
  fields: (t) => ({
    field: t.field({ type: StaffOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

builder.queryField("staff", (t) =>
  t.field({
    type: StaffMemberConnection,
    description: "The staff members, including removed ones; newest first by default.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: StaffFilter, description: "Filters the list." }),
      orderBy: t.arg({ type: StaffOrder, description: "Orders the list." }),
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
