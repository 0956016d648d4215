/**
 * People: who is staff, and who was told something lately. How they join is in `invites.ts`.
 *
 * The sandbox's people are staff of the sandbox only, and real ones of real bots only: each look-up is given which of the two it
 * is for (`sandbox`), or a Telegram id, which decides it.
 */
import { and, asc, eq, isNull, lt, ne, sql } from "drizzle-orm";
import type { StaffRole } from "../../../shop/roles.ts";
import { isOfSandbox } from "../../../shop/telegram-ids.ts";
import type { Db } from "../../client.ts";
import { staff, strangerNotices } from "../../schema/index.ts";
import { giveUpRepliesTo } from "./replies.ts";
import { type StoppedRuns, stopRunsOfAsker } from "./threads.ts";

export interface StaffMember {
  id: string;
  telegramUserId: number;
  name: string;
  username: string | null;
  role: StaffRole;
}

/** A person as Telegram names them. */
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

/** The present staff member with this Telegram id; undefined for anyone else, the removed included. */
export async function findStaffMember(db: Db, telegramUserId: number): Promise<StaffMember | undefined> {
  const [found] = await db
    .select(member)
    .from(staff)
    .where(and(eq(staff.telegramUserId, telegramUserId), isNull(staff.removedAt)));
  return found;
}

/** The present staff member who showed this @username last, in any case. */
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

/** All present staff, in the order in which they came; at most `limit`. */
export function findStaff(db: Db, { sandbox, limit }: { sandbox: boolean; limit: number }): Promise<StaffMember[]> {
  return db
    .select(member)
    .from(staff)
    .where(and(eq(staff.sandbox, sandbox), isNull(staff.removedAt)))
    .orderBy(asc(staff.createdAt), asc(staff.id))
    .limit(limit);
}

/** Whether the shop has an owner yet; one of the sandbox's people is none. */
export async function hasOwner(db: Db): Promise<boolean> {
  const [found] = await db
    .select({ id: staff.id })
    .from(staff)
    .where(and(eq(staff.role, "owner"), isNull(staff.removedAt), eq(staff.sandbox, false)))
    .limit(1);
  return found !== undefined;
}

/** Makes the person a present staff member with this role, whether new, removed before, or of another role. */
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

/** Keeps a staff member's name as Telegram shows it now. */
export async function renameStaffMember(db: Db, person: TelegramPerson): Promise<void> {
  const { telegramUserId, name, username } = person;
  await releaseUsername(db, person);
  await db.update(staff).set({ name, username }).where(eq(staff.telegramUserId, telegramUserId));
}

/**
 * Takes a person's rights away, stops what they asked for, and gives up what waits to be delivered to them in private. What is
 * on its way to Telegram at that moment still arrives, and an answer that is stopped in the middle says so.
 *
 * @returns the person and what became of their runs, or undefined where no present staff member has this id.
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
    await giveUpRepliesTo(tx, removed.id);
    return { removed, stopped };
  });
}

/**
 * Holds a person's row until the transaction ends: their messages are counted one after the other, whatever the chat and the
 * process, and none is taken in beside their removal. @returns undefined when they are no staff any more.
 */
export async function lockStaffMember(tx: Db, id: string): Promise<StaffMember | undefined> {
  const [held] = await tx
    .select(member)
    .from(staff)
    .where(and(eq(staff.id, id), isNull(staff.removedAt)))
    .for("no key update");
  return held;
}

export interface Notice {
  botId: number;
  telegramUserId: number;
  /** Which sentence; `too_many` is for staff, the others are for those who are none. */
  notice: "staff_only" | "bad_invite" | "anonymous" | "too_many";
  intervalSeconds: number;
}

/**
 * Notes that somebody is told something now.
 *
 * @returns false when they were told less than `intervalSeconds` ago: then nothing is to be said. Older notes of the same
 * sentence are forgotten on the way, so that a flood of strangers leaves no growing table.
 */
export async function noteTold(db: Db, { botId, telegramUserId, notice, intervalSeconds }: Notice): Promise<boolean> {
  const before = sql`now() - make_interval(secs => ${intervalSeconds})`;
  await db
    .delete(strangerNotices)
    .where(and(lt(strangerNotices.noticedAt, before), eq(strangerNotices.notice, notice)));
  const noted = await db
    .insert(strangerNotices)
    .values({ botId, telegramUserId, notice, noticedAt: sql`now()` })
    .onConflictDoNothing()
    .returning({ telegramUserId: strangerNotices.telegramUserId });
  return noted.length > 0;
}

/** On Telegram a @username belongs to one person at a time: whoever had it before has another one by now, or none. */
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
