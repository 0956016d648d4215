/**
 * Invites: hashed, single use, expiring by the database's clock; and how people join with them.
 *
 * An invite is of the sandbox or real, as its maker is: nobody joins a real bot's staff by one of the sandbox's.
 */
import { and, eq, isNull, type SQL, sql } from "drizzle-orm";
import { isHigherRole, type StaffRole } from "../../../shop/roles.ts";
import { isOfSandbox } from "../../../shop/telegram-ids.ts";
import type { Db } from "../../client.ts";
import { invites, staff } from "../../schema/index.ts";
import { findStaffMember, hasOwner, type StaffMember, saveStaffMember, type TelegramPerson } from "./staff.ts";

/** What became of an invite that somebody opened. */
export type Redemption =
  | { outcome: "joined"; member: StaffMember }
  /** The person already has these rights or more; the invite is left as it is, good for somebody else or not. */
  | { outcome: "already"; member: StaffMember; isGood: boolean }
  | { outcome: "unknown" | "used" | "expired" };

/** An invite that is to be made. */
export interface NewInvite {
  /** SHA-256 of the code, which is stored nowhere. */
  codeHash: Buffer;
  role: StaffRole;
  /** For how long it is good, by the database's clock. */
  hours: number;
}

/** Stores an invite of this staff member's. */
export async function createInvite(db: Db, { hours, ...invite }: NewInvite & { createdBy: string }): Promise<void> {
  await db.insert(invites).values({ ...invite, expiresAt: inHours(hours) });
}

/**
 * Stores an invite for the first owner, which the process itself makes. It is the only good one: those of earlier starts,
 * and of other processes, end now.
 */
export async function createFirstOwnerInvite(db: Db, { hours, ...invite }: Omit<NewInvite, "role">): Promise<void> {
  await db.transaction(async (tx) => {
    await endFirstOwnerInvites(tx);
    await tx.insert(invites).values({ ...invite, role: "owner", expiresAt: inHours(hours) });
  });
}

/** Nobody becomes the first owner by an invite any more, until another one is made. */
export function withdrawFirstOwnerInvites(db: Db): Promise<void> {
  return db.transaction(endFirstOwnerInvites);
}

/** Uses an invite for a person: at most one person ever joins with it, and at most one as the first owner, also at once. */
export async function redeemInvite(db: Db, codeHash: Buffer, person: TelegramPerson): Promise<Redemption> {
  const isIt = and(eq(invites.codeHash, codeHash), isInviteOf(isOfSandbox(person.telegramUserId)));
  // A guessed code must not take the lock: it would hold up real ones.
  if ((await db.$count(invites, isIt)) === 0) return { outcome: "unknown" };
  return db.transaction(async (tx): Promise<Redemption> => {
    await lockRedemption(tx);
    const [invite] = await tx
      .select({
        id: invites.id,
        role: invites.role,
        createdBy: invites.createdBy,
        usedAt: invites.usedAt,
        // Not the time at which the transaction began, which was before it waited for the lock.
        expired: sql<boolean>`${invites.expiresAt} <= clock_timestamp()`,
      })
      .from(invites)
      .where(isIt)
      .for("update");
    if (!invite) return { outcome: "unknown" };
    const present = await findStaffMember(tx, person.telegramUserId);
    if (present && !isHigherRole(invite.role, present.role)) {
      return { outcome: "already", member: present, isGood: !invite.usedAt && !invite.expired };
    }
    if (invite.usedAt) return { outcome: "used" };
    if (invite.expired || !(await isBacked(tx, invite.createdBy))) return { outcome: "expired" };

    const joined = await saveStaffMember(tx, { ...person, role: invite.role, invitedBy: invite.createdBy });
    await tx.update(invites).set({ usedAt: sql`now()`, usedBy: joined.id }).where(eq(invites.id, invite.id));
    return { outcome: "joined", member: joined };
  });
}

/** SQL: whether an invite is the sandbox's, or else a real one: as its maker is. */
export function isInviteOf(sandbox: boolean): SQL {
  const isMadeInSandbox = sql`exists (select 1 from ${staff} where ${staff.id} = ${invites.createdBy} and ${staff.sandbox})`;
  return sandbox ? isMadeInSandbox : sql`not ${isMadeInSandbox}`;
}

/** Any number will do, so long as nothing else of ours takes the same lock in this database. */
const REDEMPTION_LOCK = 7_016_020_003;

/** People join one after the other, until the transaction's end: whether there is an owner yet is then known for sure. */
async function lockRedemption(tx: Db): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${REDEMPTION_LOCK}::bigint)`);
}

async function endFirstOwnerInvites(tx: Db): Promise<void> {
  await lockRedemption(tx);
  await tx
    .update(invites)
    // Another process may have made one a moment after this transaction began.
    .set({ expiresAt: sql`greatest(now(), ${invites.createdAt} + interval '1 microsecond')` })
    .where(and(isNull(invites.createdBy), isNull(invites.usedAt), sql`${invites.expiresAt} > now()`));
}

function inHours(hours: number): SQL {
  return sql`now() + make_interval(hours => ${hours})`;
}

/** Whether an invite still has somebody behind it: its maker as an owner, or, for the first owner's, nobody yet. */
async function isBacked(tx: Db, createdBy: string | null): Promise<boolean> {
  if (createdBy === null) return !(await hasOwner(tx));
  const [maker] = await tx
    .select({ id: staff.id })
    .from(staff)
    .where(and(eq(staff.id, createdBy), eq(staff.role, "owner"), isNull(staff.removedAt)))
    // Their removal waits until the person has joined, or this for the removal.
    .for("share");
  return maker !== undefined;
}
