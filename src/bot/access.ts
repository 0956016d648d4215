/**
 * Access control: staff get through, and people with a valid invite link join. Everyone else gets one polite sentence per hour,
 * and no later handler sees them.
 */
import { createHash, randomBytes } from "node:crypto";
import { Composer, type NextFunction } from "grammy";
import type { Db } from "../db/client.ts";
import { createFirstOwnerInvite, createInvite, type Redemption, redeemInvite } from "../db/queries/chat/invites.ts";
import { isPartAwaited } from "../db/queries/chat/message-parts.ts";
import {
  claimNotice,
  findStaffMember,
  renameStaffMember,
  type StaffMember,
  saveStaffMember,
  type TelegramPerson,
  type ThrottledNotice,
} from "../db/queries/chat/staff.ts";
import type { Logger } from "../observability/logger.ts";
import type { StaffRole } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";
import { isOfSandbox } from "../shop/telegram-ids.ts";
import { answerPress, mainKeyboard } from "./buttons.ts";
import { type BotContext, isAddressed, nameOf, placeOf, textsFor, usernameOf } from "./context.ts";
import { readMessageText } from "./telegram/message-text.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";
import type { Texts } from "./texts.ts";

export interface AccessDeps {
  db: Db;
  systemMessages: SystemMessages;
  shop: Shop;
  /** Owners by configuration: they need no invite and cannot be removed. */
  ownerTelegramIds: readonly number[];
  logger: Logger;
}

/** How long an invite link is valid. */
export const INVITE_HOURS = 24;
const STRANGER_NOTICE_INTERVAL_SECONDS = 3_600;
/** Telegram allows 64 characters of `A-Za-z0-9_-` after `?start=`. */
const INVITE_CODE_BYTES = 24;

/** Lets staff through, with `ctx.staffMember` set, and answers everyone else. */
export function createAccess(deps: AccessDeps): Composer<BotContext> {
  const access = new Composer<BotContext>();
  access.use(async (ctx, next) => {
    const { from, chat } = ctx;
    if (!from || from.is_bot || !chat || chat.type === "channel" || ctx.msg?.sender_chat) {
      // Anonymous admins and channels: the person is unknown.
      const sender = ctx.message?.sender_chat;
      if (sender && isAddressed(ctx))
        await sendNotice(deps, ctx, { id: sender.id, notice: "anonymous" }, textsFor(ctx).anonymous);
      return;
    }
    // An edit is never answered: the message was addressed to the bot when it was sent, or it is unknown.
    if (ctx.editedMessage) return admitEdit(deps, ctx, next);
    if (!isAddressed(ctx) && !(await isAwaited(deps, ctx, from.id))) return;
    const person = { telegramUserId: from.id, name: nameOf(from), username: usernameOf(from) };
    const isForeign = isOfOtherSide(ctx, from.id);
    // Before the invite: an owner by configuration must not use up an invite to a lower role.
    const member = isForeign ? undefined : await findMember(deps, person);
    if (!isForeign && (await tryInvite(deps, ctx, person))) return;
    if (member) {
      ctx.staffMember = member;
      await next();
      return;
    }
    if (ctx.callbackQuery) answerPress(ctx, "", deps.logger);
    await sendNotice(deps, ctx, { id: from.id, notice: "staff_only" }, textsFor(ctx).stranger);
  });
  return access;
}

/** Whether a message that is not said to the bot may be the next part of a question that is. */
async function isAwaited({ db }: AccessDeps, ctx: BotContext, telegramUserId: number): Promise<boolean> {
  return readMessageText(ctx.message) !== null && isPartAwaited(db, placeOf(ctx), telegramUserId);
}

async function admitEdit({ db }: AccessDeps, ctx: BotContext, next: NextFunction): Promise<void> {
  if (!ctx.from || isOfOtherSide(ctx, ctx.from.id)) return;
  const member = await findStaffMember(db, ctx.from.id);
  if (!member) return;
  ctx.staffMember = member;
  await next();
}

/** Whether a person belongs to the sandbox and this bot is real, or vice versa: then they have no rights here. */
function isOfOtherSide(ctx: BotContext, telegramUserId: number): boolean {
  return isOfSandbox(telegramUserId) !== isOfSandbox(ctx.me.id);
}

/** Sends a notice to a stranger at most once per hour, so that a flood costs little. */
async function sendNotice(
  { db, systemMessages }: AccessDeps,
  ctx: BotContext,
  { id, notice }: { id: number; notice: ThrottledNotice["notice"] },
  text: string,
): Promise<void> {
  const intervalSeconds = STRANGER_NOTICE_INTERVAL_SECONDS;
  if (await claimNotice(db, { botId: ctx.me.id, telegramUserId: id, notice, intervalSeconds }))
    systemMessages.say(ctx, text);
}

/** Makes an invite and stores its hash. @returns the code for the link, which is not stored. */
export async function makeInvite(db: Db, role: StaffRole, createdBy: string): Promise<string> {
  const code = newCode();
  await createInvite(db, { codeHash: hashOf(code), role, createdBy, hours: INVITE_HOURS });
  return code;
}

/** Makes the only valid invite for the first owner and stores its hash. @returns the code for the link, which is not stored. */
export async function makeFirstOwnerInvite(db: Db): Promise<string> {
  const code = newCode();
  await createFirstOwnerInvite(db, { codeHash: hashOf(code), hours: INVITE_HOURS });
  return code;
}

/** The link that opens the bot with an invite code. */
export function inviteLink(username: string, code: string): string {
  return `https://t.me/${username}?start=${code}`;
}

async function findMember(deps: AccessDeps, person: TelegramPerson): Promise<StaffMember | undefined> {
  const member = await findStaffMember(deps.db, person.telegramUserId);
  const isOwner = deps.ownerTelegramIds.includes(person.telegramUserId);
  if (isOwner && member?.role !== "owner") return saveStaffMember(deps.db, { ...person, role: "owner" });
  if (member && (member.name !== person.name || member.username !== person.username)) {
    await renameStaffMember(deps.db, person);
  }
  return member && { ...member, ...person };
}

/** @returns whether the update opened an invite link; if so, it is answered. */
async function tryInvite(deps: AccessDeps, ctx: BotContext, person: TelegramPerson): Promise<boolean> {
  const code = /^\/start ([\w-]{16,64})$/.exec(ctx.message?.text ?? "")?.[1];
  if (code === undefined || ctx.chat?.type !== "private") return false;
  const texts = textsFor(ctx);
  const redemption = await redeemInvite(deps.db, hashOf(code), person);
  switch (redemption.outcome) {
    case "joined":
      deps.systemMessages.say(
        ctx,
        texts.joined(deps.shop.name, texts.roles[redemption.member.role]),
        mainKeyboard(texts),
      );
      break;
    case "already":
      deps.systemMessages.say(ctx, alreadyStaff(texts, redemption), mainKeyboard(texts));
      break;
    default:
      await sendNotice(
        deps,
        ctx,
        { id: person.telegramUserId, notice: "bad_invite" },
        badInvite(texts, redemption.outcome),
      );
  }
  return true;
}

function badInvite(texts: Texts, outcome: "used" | "expired" | "unknown"): string {
  return { used: texts.inviteUsed, expired: texts.inviteExpired, unknown: texts.inviteUnknown }[outcome];
}

function alreadyStaff(texts: Texts, { member, isGood }: Extract<Redemption, { outcome: "already" }>): string {
  const sentence = texts.alreadyStaff(texts.roles[member.role]);
  return isGood ? `${sentence} ${texts.inviteStillGood}` : sentence;
}

function newCode(): string {
  return randomBytes(INVITE_CODE_BYTES).toString("base64url");
}

function hashOf(code: string): Buffer {
  return createHash("sha256").update(code).digest();
}
