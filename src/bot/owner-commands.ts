/** The commands of owners: `/invite` and `/remove`. */
import type { Db } from "../db/client.ts";
import { oncePerUpdate } from "../db/queries/chat/places.ts";
import { findStaff } from "../db/queries/chat/staff.ts";
import { STAFF_ROLES } from "../shop/roles.ts";
import { isOfSandbox } from "../shop/telegram-ids.ts";
import { INVITE_HOURS, inviteLink, makeInvite } from "./access.ts";
import { removeButtons } from "./buttons.ts";
import type { RecordCancelledRuns } from "./cancelled-runs.ts";
import { type BotContext, placeOf, textsFor } from "./context.ts";
import { removeStaff } from "./remove-staff.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";

export interface OwnerCommandDeps {
  db: Db;
  systemMessages: SystemMessages;
  ownerTelegramIds: readonly number[];
  recordCancelledRuns: RecordCancelledRuns;
}

/** People that `/remove` lists; above that number it needs a name. */
const MAX_PEOPLE = 50;

/** @param role the word after `/invite` */
export async function inviteCommand(deps: OwnerCommandDeps, ctx: BotContext, role: string): Promise<void> {
  const { db, systemMessages } = deps;
  const texts = textsFor(ctx);
  const refusal = refusalOf(ctx);
  if (refusal !== null) return systemMessages.say(ctx, refusal);
  const invited = STAFF_ROLES.find((candidate) => candidate === role.trim().toLowerCase());
  if (!invited) return systemMessages.say(ctx, texts.inviteUsage);
  const update = { chat: placeOf(ctx).chat, updateId: ctx.update.update_id };
  const code = await oncePerUpdate(db, update, (tx) => makeInvite(tx, invited, ctx.staffMember.id));
  // The link was sent the first time. It is not stored, and a second one would be valid too.
  if (code === undefined) return;
  systemMessages.say(ctx, texts.invite(texts.roles[invited], inviteLink(ctx.me.username, code), INVITE_HOURS));
}

/** @param person the Telegram id or @username after `/remove`, or nothing for a list */
export async function removeCommand(deps: OwnerCommandDeps, ctx: BotContext, person: string): Promise<void> {
  const { db, systemMessages } = deps;
  const texts = textsFor(ctx);
  const refusal = refusalOf(ctx);
  if (refusal !== null) return systemMessages.say(ctx, refusal);
  const name = person.trim();
  if (name !== "") {
    const target = /^\d+$/.test(name) ? { telegramUserId: Number(name) } : { username: name.replace(/^@/, "") };
    return systemMessages.say(ctx, await removeStaff(deps, ctx, target));
  }
  const people = await findStaff(db, { sandbox: isOfSandbox(ctx.me.id), limit: MAX_PEOPLE });
  const others = people.filter(({ id }) => id !== ctx.staffMember.id);
  if (others.length === 0) systemMessages.say(ctx, texts.removeNobody);
  else systemMessages.say(ctx, texts.removeWhom, removeButtons(others, texts));
}

/** Why the person may not use the command here; null if they may. In a group everyone would see the link and the names. */
function refusalOf(ctx: BotContext): string | null {
  const texts = textsFor(ctx);
  if (ctx.staffMember.role !== "owner") return texts.ownersOnly;
  return ctx.chat?.type === "private" ? null : texts.privateOnly;
}
