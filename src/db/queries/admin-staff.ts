/** What admins read of staff members. */
import { and, eq, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { staff } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import type { Listing } from "./admin-paging.ts";

export type StaffRow = typeof staff.$inferSelect;

/** All that are given must hold. */
export type StaffFilter = {
  readonly role?: StaffRow["role"] | null | undefined;
  readonly removed?: boolean | null | undefined;
};

/** All people who may or might once speak with the bot, by when they came. */
export function listStaff(filter: StaffFilter): Listing<StaffRow> {
  return {
    name: "staff.createdAt",
    table: staff,
    filter,
    where: whereStaff(filter),
    key: [
      { column: staff.createdAt, kind: "instant" },
      { column: staff.id, kind: "uuid" },
    ],
  };
}

/** The staff members with these ids, in no order; one that does not exist is left out. */
export function findStaffMembers(db: Db, ids: readonly string[]): Promise<StaffRow[]> {
  return db
    .select()
    .from(staff)
    .where(sql`${staff.id} = any(${uuidArray(ids)})`);
}

function whereStaff(filter: StaffFilter): SQL | undefined {
  return and(
    filter.role ? eq(staff.role, filter.role) : undefined,
    filter.removed === true ? isNotNull(staff.removedAt) : undefined,
    filter.removed === false ? isNull(staff.removedAt) : undefined,
  );
}
