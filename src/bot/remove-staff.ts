/** Removes a person's access, for `/remove` and its buttons. */
import type { Db } from "../db/client.ts";
import {
  findStaffMember,
  findStaffMemberByUsername,
  removeStaffMember,
  type StaffMember,
} from "../db/queries/chat/staff.ts";
import { isOfSandbox } from "../shop/telegram-ids.ts";
import type { RecordCancelledRuns } from "./cancelled-runs.ts";
import { type BotContext, textsFor } from "./context.ts";

export interface RemovalDeps {
  db: Db;
  ownerTelegramIds: readonly number[];
  recordCancelledRuns: RecordCancelledRuns;
}

type Target = { telegramUserId: number } | { username: string };

/** Removes a person's access, if an owner asks. @returns the sentence that tells the result. */
export async function removeStaff(deps: RemovalDeps, ctx: BotContext, target: Target): Promise<string> {
  const { db, ownerTelegramIds, recordCancelledRuns } = deps;
  const texts = textsFor(ctx);
  const { staffMember } = ctx;
  if (staffMember.role !== "owner") return texts.ownersOnly;
  const found = await findTarget(db, target, isOfSandbox(ctx.me.id));
  const telegramUserId = "telegramUserId" in target ? target.telegramUserId : found?.telegramUserId;
  if (telegramUserId === staffMember.telegramUserId) return texts.removeSelf;
  if (telegramUserId !== undefined && ownerTelegramIds.includes(telegramUserId)) {
    return texts.removeConfigured(found?.name ?? String(telegramUserId));
  }
  const removal = found && (await removeStaffMember(db, found.telegramUserId));
  if (!removal) return texts.removeUnknown;
  recordCancelledRuns(removal.stopped.cancelled);
  return texts.removed(removal.removed.name);
}

async function findTarget(db: Db, target: Target, sandbox: boolean): Promise<StaffMember | undefined> {
  if ("username" in target) return findStaffMemberByUsername(db, { ...target, sandbox });
  const { telegramUserId } = target;
  // The sandbox and real bots do not know each other's people.
  if (isOfSandbox(telegramUserId) !== sandbox) return undefined;
  // More digits than any id has: nobody, and not a number that the database accepts.
  return Number.isSafeInteger(telegramUserId) ? findStaffMember(db, telegramUserId) : undefined;
}
