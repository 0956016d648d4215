/**
 * Invites: hashed, for single use, expiring by the database's clock; and how people join with them.
 *
 * An invite belongs to the sandbox if its maker does: nobody joins the staff of a real bot with an invite from the sandbox.
 */
import { and, eq, isNull, type SQL, sql } from "drizzle-orm";
import { isHigherRole, type StaffRole } from "../../../shop/roles.ts";
import { isOfSandbox } from "../../../shop/telegram-ids.ts";
import type { Db } from "../../client.ts";
import { invites, staff } from "../../schema/index.ts";
import { findStaffMember, hasOwner, type StaffMember, saveStaffMember, type TelegramPerson } from "./staff.ts";

/** The result of opening an invite. */
export type Redemption =
  | { outcome: "joined"; member: StaffMember }
  /** The person already has these rights or more. The invite stays as it is; `isGood` says whether others can use it. */
  | { outcome: "already"; member: StaffMember; isGood: boolean }
  | { outcome: "unknown" | "used" | "expired" };

/** An invite to store. */
export interface NewInvite {
  /** SHA-256 of the code; the code itself is not stored. */
  codeHash: Buffer;
  role: StaffRole;
  /** How long it is valid, by the database's clock. */
  hours: number;
}

/** Stores an invite that a staff member made. */
export async function createInvite(db: Db, { hours, ...invite }: NewInvite & { createdBy: string }): Promise<void> {
  await db.insert(invites).values({ ...invite, expiresAt: inHours(hours) });
}

/**
 * Stores an invite for the first owner, made by the process itself. It is the only valid one: those of earlier starts and
 * of other processes expire now.
 */
export async function createFirstOwnerInvite(db: Db, { hours, ...invite }: Omit<NewInvite, "role">): Promise<void> {
  await db.transaction(async (tx) => {
    await expireFirstOwnerInvites(tx);
    await tx.insert(invites).values({ ...invite, role: "owner", expiresAt: inHours(hours) });
  });
}

/** Expires every invite for the first owner. */
export function withdrawFirstOwnerInvites(db: Db): Promise<void> {
  return db.transaction(expireFirstOwnerInvites);
}

/** Redeems an invite: at most one person joins with it, and at most one becomes the first owner, also concurrently. */
export async function redeemInvite(db: Db, codeHash: Buffer, person: TelegramPerson): Promise<Redemption> {
  const isIt = and(eq(invites.codeHash, codeHash), isInviteOf(isOfSandbox(person.telegramUserId)));
  // A guessed code must not take the lock: it would block real ones.
  if ((await db.$count(invites, isIt)) === 0) return { outcome: "unknown" };
  return db.transaction(async (tx): Promise<Redemption> => {
    await lockRedemption(tx);
    const [invite] = await tx
      .select({
        id: invites.id,
        role: invites.role,
        createdBy: invites.createdBy,
        usedAt: invites.usedAt,
        // Not now(): the transaction began before it waited for the lock.
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

/** SQL: whether an invite belongs to the sandbox, or to real bots, as its maker does. */
export function isInviteOf(sandbox: boolean): SQL {
  const isMadeInSandbox = sql`exists (select 1 from ${staff} where ${staff.id} = ${invites.createdBy} and ${staff.sandbox})`;
  return sandbox ? isMadeInSandbox : sql`not ${isMadeInSandbox}`;
}

/** An arbitrary number that no other advisory lock of this database uses. */
const REDEMPTION_LOCK = 7_016_020_003;

/** Serializes redemptions until the transaction ends, so that only one of them can find that there is no owner. */
async function lockRedemption(tx: Db): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${REDEMPTION_LOCK}::bigint)`);
}

async function expireFirstOwnerInvites(tx: Db): Promise<void> {
  await lockRedemption(tx);
  await tx
    .update(invites)
    // Another process may have created one just after this transaction began.
    .set({ expiresAt: sql`greatest(now(), ${invites.createdAt} + interval '1 microsecond')` })
    .where(and(isNull(invites.createdBy), isNull(invites.usedAt), sql`${invites.expiresAt} > now()`));
}

function inHours(hours: number): SQL {
  return sql`now() + make_interval(hours => ${hours})`;
}

/** Whether an invite is still backed: its maker is an owner or, for the first owner, there is no owner yet. */
async function isBacked(tx: Db, createdBy: string | null): Promise<boolean> {
  if (createdBy === null) return !(await hasOwner(tx));
  const [maker] = await tx
    .select({ id: staff.id })
    .from(staff)
    .where(and(eq(staff.id, createdBy), eq(staff.role, "owner"), isNull(staff.removedAt)))
    // A concurrent removal of the maker waits for this transaction, or this one waits for the removal.
    .for("share");
  return maker !== undefined;
}
