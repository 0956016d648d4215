/**
 * The commands: what each does, and how they show in Telegram's menu.
 *
 * What changes something does so once, however often its update comes; a sentence may be said twice then: it says the same,
 * and a note of each would cost a commit.
 */
import { type Api, Composer } from "grammy";
import type { Db } from "../db/client.ts";
import { oncePerUpdate } from "../db/queries/chat/places.ts";
import { findStaff } from "../db/queries/chat/staff.ts";
import { closeThread, findThreads, stopRuns } from "../db/queries/chat/threads.ts";
import { STAFF_ROLES } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";
import { isOfSandbox } from "../shop/telegram-ids.ts";
import { INVITE_HOURS, inviteLink, makeInvite } from "./access.ts";
import { mainKeyboard, removeButtons, removeStaff, threadButtons } from "./buttons.ts";
import type { RecordCancelledRuns } from "./cancelled-runs.ts";
import { type BotContext, placeOf, stoppableBy, textsFor } from "./context.ts";
import type { SystemMessages } from "./telegram/system-messages.ts";
import { LANGUAGES, textsIn } from "./texts.ts";

export interface CommandDeps {
  db: Db;
  systemMessages: SystemMessages;
  shop: Shop;
  ownerTelegramIds: readonly number[];
  recordCancelledRuns: RecordCancelledRuns;
}

/** Threads that `/threads` offers: a screenful of buttons. */
const MAX_THREADS = 10;
/** People that `/remove` offers; beyond them it takes a name. */
const MAX_PEOPLE = 50;

/** The handlers of all commands; they see staff only. */
export function createCommands(deps: CommandDeps): Composer<BotContext> {
  const { db, systemMessages, shop, recordCancelledRuns } = deps;
  const commands = new Composer<BotContext>();

  commands.command("start", (ctx) => {
    const texts = textsFor(ctx);
    const keyboard = ctx.chat.type === "private" ? mainKeyboard(texts) : undefined;
    systemMessages.say(ctx, texts.start(shop.name, ctx.staffMember.name), keyboard);
  });

  commands.command("help", (ctx) => {
    const texts = textsFor(ctx);
    systemMessages.say(ctx, texts.help + (ctx.staffMember.role === "owner" ? texts.ownerHelp : ""));
  });

  commands.command("new", async (ctx) => {
    const texts = textsFor(ctx);
    const closed = await closeThread(db, placeOf(ctx), { updateId: ctx.update.update_id, ...stoppableBy(ctx) });
    if (closed === undefined) return;
    recordCancelledRuns(closed?.cancelled ?? []);
    systemMessages.say(ctx, closed ? texts.newThread : texts.alreadyNew);
  });

  commands.command("stop", async (ctx) => {
    const texts = textsFor(ctx);
    const stopped = await stopRuns(db, placeOf(ctx), { updateId: ctx.update.update_id, ...stoppableBy(ctx) });
    if (!stopped) return;
    recordCancelledRuns(stopped.cancelled);
    // An answer that had begun says so itself.
    if (stopped.cancelled.length > 0) systemMessages.sayInPassing(ctx, texts.stopped);
    else if (stopped.running === 0) systemMessages.say(ctx, texts.nothingToStop);
  });

  commands.command("threads", async (ctx) => {
    const texts = textsFor(ctx);
    const threads = await findThreads(db, placeOf(ctx), MAX_THREADS);
    if (threads.length === 0) systemMessages.say(ctx, texts.noThreads);
    else systemMessages.say(ctx, texts.pickThread, threadButtons(threads));
  });

  commands.command("invite", async (ctx) => {
    const texts = textsFor(ctx);
    if (ctx.staffMember.role !== "owner") return systemMessages.say(ctx, texts.ownersOnly);
    // In a group everyone would see the link.
    if (ctx.chat.type !== "private") return systemMessages.say(ctx, texts.privateOnly);
    const role = STAFF_ROLES.find((candidate) => candidate === ctx.match.trim().toLowerCase());
    if (!role) return systemMessages.say(ctx, texts.inviteUsage);
    const update = { chat: placeOf(ctx).chat, updateId: ctx.update.update_id };
    const code = await oncePerUpdate(db, update, (tx) => makeInvite(tx, role, ctx.staffMember.id));
    // The link went out the first time: it is stored nowhere, and a second one would be good beside it.
    if (code === undefined) return;
    systemMessages.say(ctx, texts.invite(texts.roles[role], inviteLink(ctx.me.username, code), INVITE_HOURS));
  });

  commands.command("remove", async (ctx) => {
    const texts = textsFor(ctx);
    if (ctx.staffMember.role !== "owner") return systemMessages.say(ctx, texts.ownersOnly);
    if (ctx.chat.type !== "private") return systemMessages.say(ctx, texts.privateOnly);
    const who = ctx.match.trim();
    if (who !== "") {
      const target = /^\d+$/.test(who) ? { telegramUserId: Number(who) } : { username: who.replace(/^@/, "") };
      return systemMessages.say(ctx, await removeStaff(deps, ctx, target));
    }
    const present = await findStaff(db, { sandbox: isOfSandbox(ctx.me.id), limit: MAX_PEOPLE });
    const others = present.filter(({ id }) => id !== ctx.staffMember.id);
    if (others.length === 0) systemMessages.say(ctx, texts.removeNobody);
    else systemMessages.say(ctx, texts.removeWhom, removeButtons(others, texts));
  });

  return commands;
}

/** Tells Telegram's menu about the commands, in every language. */
export async function publishCommands(api: Api): Promise<void> {
  for (const language of LANGUAGES) {
    const commands = Object.entries(textsIn(language).commands).map(([command, description]) => ({
      command,
      description,
    }));
    // English is what everyone else gets too.
    await api.setMyCommands(commands, language === "en" ? {} : { language_code: language });
  }
}
