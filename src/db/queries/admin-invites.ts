/** What admins read of invites: never the code or its hash. */
import { and, eq, getColumns, inArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { invites } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import type { Listing } from "./admin-paging.ts";
import { inRange, type TimeRange } from "./admin-range.ts";

export type InviteStatus = "open" | "used" | "expired";
export type InviteRow = Omit<typeof invites.$inferSelect, "codeHash"> & { readonly status: InviteStatus };

/** All that are given must hold. */
export type InviteFilter = {
  /** One of these; an empty list finds nothing. */
  readonly status?: readonly InviteStatus[] | null | undefined;
  readonly role?: InviteRow["role"] | null | undefined;
  readonly createdById?: string | null | undefined;
  readonly created?: TimeRange | null | undefined;
};

/** By the database's clock, which decides when an invite is used too. */
const STATUS = sql<InviteStatus>`case when ${invites.usedAt} is not null then 'used'
  when ${invites.expiresAt} <= now() then 'expired' else 'open' end`;

const { codeHash: _codeHash, ...PLAIN } = getColumns(invites);
const COLUMNS = { ...PLAIN, status: STATUS.as("status") };

/** All invites, by when they were made. */
export function listInvites(filter: InviteFilter): Listing<InviteRow> {
  return {
    name: "invites.createdAt",
    table: invites,
    columns: COLUMNS,
    filter,
    where: whereInvite(filter),
    key: [
      { column: invites.createdAt, kind: "instant" },
      { column: invites.id, kind: "uuid" },
    ],
  };
}

/** The invites with these ids, in no order; one that does not exist is left out. */
export function findInvites(db: Db, ids: readonly string[]): Promise<InviteRow[]> {
  return db
    .select(COLUMNS)
    .from(invites)
    .where(sql`${invites.id} = any(${uuidArray(ids)})`);
}

function whereInvite(filter: InviteFilter): SQL | undefined {
  return and(
    filter.status ? inArray(STATUS, [...filter.status]) : undefined,
    filter.role ? eq(invites.role, filter.role) : undefined,
    filter.createdById ? eq(invites.createdBy, filter.createdById) : undefined,
    inRange(invites.createdAt, filter.created),
  );
}
