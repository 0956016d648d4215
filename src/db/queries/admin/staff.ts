/** Queries of staff members for admins. */
import { and, desc, eq, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { messages, staff } from "../../schema/index.ts";
import { staffMemberMatches } from "../search/search.ts";
import type { Listing } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";

export type StaffRow = typeof staff.$inferSelect;

/** All given conditions must hold. */
export type StaffFilter = {
  readonly role?: StaffRow["role"] | null | undefined;
  readonly removed?: boolean | null | undefined;
  /** Words in the name or the username: see `parseSearch`. */
  readonly text?: string | null | undefined;
  readonly created?: TimeRange | null | undefined;
};

export type StaffOrder = "createdAt" | "name";

/** How active a staff member is. */
export type StaffActivity = {
  readonly staffId: string;
  readonly messageCount: number;
  readonly lastMessageAt: Date | null;
};

/** A count of messages stops here: 10,001 means "more than 10,000". */
const MESSAGE_COUNT_CAP = 10_001;

/** The name without accents and case, folded like `words_of`. Collation "C", so the order is the same on every server. */
const FOLDED_NAME = sql`(translate(lower(regexp_replace(normalize(${staff.name}, NFD), '[\\u0300-\\u036f]+', '', 'g')
  collate "C"), 'đĐ', 'dd') collate "C")`;

/**
 * All staff members of one environment, removed ones included, by time of joining or by name. There are few of them, so names
 * have no index.
 */
export function listStaff(filter: StaffFilter, order: StaffOrder, sandbox: boolean): Listing<StaffRow> {
  return {
    name: `staff.${order}`,
    table: staff,
    filter,
    where: and(eq(staff.sandbox, sandbox), whereStaff(filter)),
    key: [
      order === "name"
        ? { column: FOLDED_NAME, as: "folded_name", kind: "text" }
        : { column: staff.createdAt, kind: "instant" },
      { column: staff.id, kind: "uuid" },
    ],
  };
}

/** The activity of each of these staff members, in any order. */
export async function findStaffActivity(db: Db, ids: readonly string[]): Promise<StaffActivity[]> {
  const counted = db
    .select({ one: sql`1`.as("one") })
    .from(messages)
    .where(sql`${messages.authorId} = member.id`)
    .limit(MESSAGE_COUNT_CAP);
  const newest = db
    .select({ createdAt: messages.createdAt })
    .from(messages)
    .where(sql`${messages.authorId} = member.id`)
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(1);
  return db
    .select({
      staffId: sql<string>`member.id`,
      messageCount: sql<number>`(select count(*)::integer from ${counted.as("counted")})`,
      lastMessageAt: sql<Date | null>`${newest}`.mapWith(messages.createdAt),
    })
    .from(sql`unnest(${uuidArray(ids)}) as member(id)`);
}

/** The staff members with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findStaffMembers(db: Db, ids: readonly string[], sandbox: boolean): Promise<StaffRow[]> {
  return db
    .select()
    .from(staff)
    .where(and(sql`${staff.id} = any(${uuidArray(ids)})`, eq(staff.sandbox, sandbox)));
}

function whereStaff(filter: StaffFilter): SQL | undefined {
  return and(
    filter.role ? eq(staff.role, filter.role) : undefined,
    filter.removed === true ? isNotNull(staff.removedAt) : undefined,
    filter.removed === false ? isNull(staff.removedAt) : undefined,
    filter.text == null ? undefined : staffMemberMatches(filter.text),
    inRange(staff.createdAt, filter.created),
  );
}
