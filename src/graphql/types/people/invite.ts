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
  description: "Whether an invite can still be used.",
  values: {
    OPEN: { value: "open", description: "Whoever has it can become a staff member." },
    USED: { value: "used", description: "Somebody became a staff member by it." },
    EXPIRED: { value: "expired", description: "Nobody used it in time." },
  } satisfies Record<string, { value: InviteStatus; description: string }>,
});

Invite.implement({
  description: "What lets one person become a staff member. Its code is shown to nobody but who made it.",
  fields: (t) => ({
    role: t.expose("role", { type: StaffRole, description: "What the person may do who uses it." }),
    status: t.expose("status", { type: InviteStatusType, description: "Whether it can still be used." }),
    createdBy: t.field({
      type: StaffMember,
      nullable: true,
      description: "The owner who made it; null for the first owner's, which the program itself makes.",
      resolve: (row) => row.createdBy,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was made." }),
    expiresAt: t.expose("expiresAt", { type: "DateTime", description: "From when on it cannot be used." }),
    usedAt: t.expose("usedAt", { type: "DateTime", nullable: true, description: "When it was used; null until then." }),
    usedBy: t.field({
      type: StaffMember,
      nullable: true,
      description: "Who used it; null until somebody does.",
      resolve: (row) => row.usedBy,
    }),
  }),
});

const InviteFilter = builder.inputType("InviteFilter", {
  description: "Which invites; all conditions given must hold.",
  fields: (t) => ({
    status: t.field({ type: [InviteStatusType], description: "In one of these states." }),
    role: t.field({ type: StaffRole, description: "For this role." }),
    createdById: t.globalID({ for: StaffMember, description: "Made by this staff member." }),
    created: t.field({ type: DateTimeRange, description: "Made in this time." }),
  }),
});

const InviteOrderField = builder.enumType("InviteOrderField", {
  description: "By what invites can be ordered.",
  values: { CREATED_AT: { value: "createdAt", description: "When they were made." } } as const,
});

const InviteOrder = builder.inputType("InviteOrder", {
  description: "An order of invites.",
  fields: (t) => ({
    field: t.field({ type: InviteOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

builder.queryField("invites", (t) =>
  t.field({
    type: InviteConnection,
    description:
      "The invites of staff members, used and expired ones among them; the newest first unless ordered otherwise.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: InviteFilter, description: "Which of them." }),
      orderBy: t.arg({ type: InviteOrder, description: "In which order." }),
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
