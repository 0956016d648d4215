/** Invites, and the list of them. */
import {
  type InviteFilter as InviteConditions,
  type InviteRow,
  type InviteStatus,
  listInvites,
} from "../../../db/queries/admin/invites.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { InviteConnection, pageArguments } from "../connections.ts";
import { DateTimeRange, isDescending, OrderDirection } from "../inputs.ts";
import { Invite, StaffMember } from "../nodes.ts";
import { list } from "../reading.ts";
import { StaffRole } from "./staff-member.ts";

const InviteStatusType = builder.enumType("InviteStatus", {
  description: "Whether an invite can be used.",
  values: {
    OPEN: { value: "open", description: "Anybody with the code can become a staff member." },
    USED: { value: "used", description: "Somebody used the invite to become a staff member." },
    EXPIRED: { value: "expired", description: "The invite expired before anybody used it." },
  } satisfies Record<string, { value: InviteStatus; description: string }>,
});

Invite.implement({
  description:
    "An invitation for one person to become a staff member. Its code is shown only to the owner who created it.",
  fields: (t) => ({
    role: t.expose("role", { type: StaffRole, description: "The role of the invited person." }),
    status: t.expose("status", { type: InviteStatusType, description: "Whether the invite can be used." }),
    createdBy: t.field({
      type: StaffMember,
      nullable: true,
      description: "The owner who created it; null for the invite of the first owner, which the program creates.",
      resolve: (row) => row.createdBy,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the invite was created." }),
    expiresAt: t.expose("expiresAt", { type: "DateTime", description: "When the invite expires." }),
    usedAt: t.expose("usedAt", {
      type: "DateTime",
      nullable: true,
      description: "When the invite was used; null if it was not.",
    }),
    usedBy: t.field({
      type: StaffMember,
      nullable: true,
      description: "Who used the invite; null if nobody did.",
      resolve: (row) => row.usedBy,
    }),
  }),
});

const InviteFilter = builder.inputType("InviteFilter", {
  description: "Filters invites. All given conditions must match.",
  fields: (t) => ({
    status: t.field({
      type: [InviteStatusType],
      description: "Invites with one of these statuses. An empty list matches nothing.",
    }),
    role: t.field({ type: StaffRole, description: "Invites for this role." }),
    createdById: t.globalID({ for: StaffMember, description: "Invites created by this staff member." }),
    created: t.field({ type: DateTimeRange, description: "Invites created in this time range." }),
  }),
});

const InviteOrderField = builder.enumType("InviteOrderField", {
  description: "Fields by which invites can be ordered.",
  values: { CREATED_AT: { value: "createdAt", description: "By time of creation." } } as const,
});

const InviteOrder = builder.inputType("InviteOrder", {
  description: "How to order invites.",
  fields: (t) => ({
    field: t.field({ type: InviteOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

builder.queryField("invites", (t) =>
  t.field({
    type: InviteConnection,
    description: "The invites for staff members, including used and expired ones; newest first by default.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: InviteFilter, description: "Filters the list." }),
      orderBy: t.arg({ type: InviteOrder, description: "Orders the list." }),
    },
    ...list(openInvites),
  }),
);

type Arguments = PageArguments & {
  readonly filter?: typeof InviteFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof InviteOrder.$inferInput | null | undefined;
};

function openInvites(context: AdminContext, args: Arguments): Page<InviteRow> {
  const listing = listInvites(toConditions(args.filter), context.environment.sandbox);
  return openPage(context, { listing, descending: isDescending(args.orderBy), args });
}

function toConditions(filter: typeof InviteFilter.$inferInput | null | undefined): InviteConditions {
  return { ...filter, createdById: filter?.createdById?.id };
}
