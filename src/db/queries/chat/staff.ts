/**
 * Staff members, and the notices that people get at most once per interval. How people join is in `invites.ts`.
 *
 * Staff of the sandbox have no rights with a real bot, and vice versa. Each lookup takes `sandbox`, or a Telegram id, which
 * implies it.
 */
import { and, asc, eq, isNull, lt, ne, sql } from "drizzle-orm";
import type { StaffRole } from "../../../shop/roles.ts";
import { isOfSandbox } from "../../../shop/telegram-ids.ts";
import type { Db } from "../../client.ts";
import { staff, strangerNotices } from "../../schema/index.ts";
import { cancelRepliesTo } from "./replies.ts";
import { type StoppedRuns, stopRunsOfAsker } from "./threads.ts";

export interface StaffMember {
  id: string;
  telegramUserId: number;
  name: string;
  username: string | null;
  role: StaffRole;
}

/** A person as Telegram identifies them. */
export interface TelegramPerson {
  telegramUserId: number;
  name: string;
  username: string | null;
}

const member = {
  id: staff.id,
  telegramUserId: staff.telegramUserId,
  name: staff.name,
  username: staff.username,
  role: staff.role,
};

/** The active staff member with this Telegram id; undefined for others and for removed ones. */
export async function findStaffMember(db: Db, telegramUserId: number): Promise<StaffMember | undefined> {
  const [found] = await db
    .select(member)
    .from(staff)
    .where(and(eq(staff.telegramUserId, telegramUserId), isNull(staff.removedAt)));
  return found;
}

/** The active staff member who last had this @username (case-insensitive). */
export async function findStaffMemberByUsername(
  db: Db,
  { username, sandbox }: { username: string; sandbox: boolean },
): Promise<StaffMember | undefined> {
  const [found] = await db
    .select(member)
    .from(staff)
    .where(and(hasUsername(username), eq(staff.sandbox, sandbox), isNull(staff.removedAt)));
  return found;
}

/** Active staff members in the order in which they joined; at most `limit`. */
export function findStaff(db: Db, { sandbox, limit }: { sandbox: boolean; limit: number }): Promise<StaffMember[]> {
  return db
    .select(member)
    .from(staff)
    .where(and(eq(staff.sandbox, sandbox), isNull(staff.removedAt)))
    .orderBy(asc(staff.createdAt), asc(staff.id))
    .limit(limit);
}

/** Whether the shop has an owner; owners of the sandbox do not count. */
export async function hasOwner(db: Db): Promise<boolean> {
  const [found] = await db
    .select({ id: staff.id })
    .from(staff)
    .where(and(eq(staff.role, "owner"), isNull(staff.removedAt), eq(staff.sandbox, false)))
    .limit(1);
  return found !== undefined;
}

/** Makes the person an active staff member with this role, whether they are new, were removed, or had another role. */
export async function saveStaffMember(
  db: Db,
  person: TelegramPerson & { role: StaffRole; invitedBy?: string | null },
): Promise<StaffMember> {
  const values = { name: person.name, username: person.username, role: person.role };
  await releaseUsername(db, person);
  const [saved] = await db
    .insert(staff)
    .values({ ...values, telegramUserId: person.telegramUserId, invitedBy: person.invitedBy ?? null })
    .onConflictDoUpdate({ target: staff.telegramUserId, set: { ...values, removedAt: null } })
    .returning(member);
  if (!saved) throw new Error("an upsert always returns its row");
  return saved;
}

/** Updates the name and @username of a staff member. */
export async function renameStaffMember(db: Db, person: TelegramPerson): Promise<void> {
  const { telegramUserId, name, username } = person;
  await releaseUsername(db, person);
  await db.update(staff).set({ name, username }).where(eq(staff.telegramUserId, telegramUserId));
}

/**
 * Removes a person's access, stops their runs, and cancels the replies that wait for delivery in their private chat. A
 * message in flight to Telegram still arrives. An answer that is stopped halfway says so.
 *
 * @returns the person and their stopped runs; undefined if no active staff member has this id.
 */
export function removeStaffMember(
  db: Db,
  telegramUserId: number,
): Promise<{ removed: StaffMember; stopped: StoppedRuns } | undefined> {
  return db.transaction(async (tx) => {
    const [removed] = await tx
      .update(staff)
      .set({ removedAt: sql`now()` })
      .where(and(eq(staff.telegramUserId, telegramUserId), isNull(staff.removedAt)))
      .returning(member);
    if (!removed) return undefined;
    const stopped = await stopRunsOfAsker(tx, removed.id);
    await cancelRepliesTo(tx, removed.id);
    return { removed, stopped };
  });
}

/**
 * Locks a person's row until the transaction ends. So their messages are counted one after the other, across chats and
 * processes, and none is stored during their removal. @returns undefined if they are no longer staff.
 */
export async function lockStaffMember(tx: Db, id: string): Promise<StaffMember | undefined> {
  const [held] = await tx
    .select(member)
    .from(staff)
    .where(and(eq(staff.id, id), isNull(staff.removedAt)))
    .for("no key update");
  return held;
}

/** A sentence that a person gets at most once per interval. */
export interface ThrottledNotice {
  botId: number;
  telegramUserId: number;
  /** `too_many` is for staff, the others are for strangers. */
  notice: "staff_only" | "bad_invite" | "anonymous" | "too_many" | "album";
  intervalSeconds: number;
}

/**
 * Claims the right to send a notice now.
 *
 * It also deletes expired claims of the same notice, so that a flood of strangers does not grow the table.
 *
 * @returns false if the person got this notice less than `intervalSeconds` ago: then it must not be sent.
 */
export async function claimNotice(
  db: Db,
  { botId, telegramUserId, notice, intervalSeconds }: ThrottledNotice,
): Promise<boolean> {
  const before = sql`now() - make_interval(secs => ${intervalSeconds})`;
  await db
    .delete(strangerNotices)
    .where(and(lt(strangerNotices.noticedAt, before), eq(strangerNotices.notice, notice)));
  const claimed = await db
    .insert(strangerNotices)
    .values({ botId, telegramUserId, notice, noticedAt: sql`now()` })
    .onConflictDoNothing()
    .returning({ telegramUserId: strangerNotices.telegramUserId });
  return claimed.length > 0;
}

/** On Telegram a @username belongs to one person at a time, so an earlier holder no longer has it. */
async function releaseUsername(db: Db, { telegramUserId, username }: TelegramPerson): Promise<void> {
  if (username === null) return;
  await db
    .update(staff)
    .set({ username: null })
    .where(
      and(
        hasUsername(username),
        eq(staff.sandbox, isOfSandbox(telegramUserId)),
        ne(staff.telegramUserId, telegramUserId),
      ),
    );
}

function hasUsername(username: string) {
  return eq(sql`lower(${staff.username})`, username.toLowerCase());
}
