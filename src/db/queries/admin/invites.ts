/** Queries of invites for admins. They never read the code or its hash. */
import { and, eq, getColumns, inArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { invites } from "../../schema/index.ts";
import { isInviteOf } from "../chat/invites.ts";
import type { Listing } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";

export type InviteStatus = "open" | "used" | "expired";
export type InviteRow = Omit<typeof invites.$inferSelect, "codeHash"> & { readonly status: InviteStatus };

/** All given conditions must hold. */
export type InviteFilter = {
  /** One of these. An empty list matches nothing. */
  readonly status?: readonly InviteStatus[] | null | undefined;
  readonly role?: InviteRow["role"] | null | undefined;
  readonly createdById?: string | null | undefined;
  readonly created?: TimeRange | null | undefined;
};

/** By the clock of the database, which also decides whether an invite can be used. */
const STATUS = sql<InviteStatus>`case when ${invites.usedAt} is not null then 'used'
  when ${invites.expiresAt} <= now() then 'expired' else 'open' end`;

const { codeHash: _codeHash, ...PLAIN } = getColumns(invites);
const COLUMNS = { ...PLAIN, status: STATUS.as("status") };

/** All invites of one environment, by time of creation. */
export function listInvites(filter: InviteFilter, sandbox: boolean): Listing<InviteRow> {
  return {
    name: "invites.createdAt",
    table: invites,
    columns: COLUMNS,
    filter,
    where: and(isInviteOf(sandbox), whereInvite(filter)),
    key: [
      { column: invites.createdAt, kind: "instant" },
      { column: invites.id, kind: "uuid" },
    ],
  };
}

/** The invites with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findInvites(db: Db, ids: readonly string[], sandbox: boolean): Promise<InviteRow[]> {
  return db
    .select(COLUMNS)
    .from(invites)
    .where(and(isInviteOf(sandbox), sql`${invites.id} = any(${uuidArray(ids)})`));
}

function whereInvite(filter: InviteFilter): SQL | undefined {
  return and(
    filter.status ? inArray(STATUS, [...filter.status]) : undefined,
    filter.role ? eq(invites.role, filter.role) : undefined,
    filter.createdById ? eq(invites.createdBy, filter.createdById) : undefined,
    inRange(invites.createdAt, filter.created),
  );
}
