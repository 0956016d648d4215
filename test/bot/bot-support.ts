/** Helpers for tests of the bot: people, a model that repeats the question, and waiting for invisible effects. */
import type { Message, User } from "@grammyjs/types";
import { says } from "../../sandbox/model/script.ts";
import type { ModelRequest, Responder } from "../../sandbox/model/turn.ts";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import type { StaffRole } from "../../src/shop/roles.ts";
import type { TestApp } from "../support/app.ts";
import type { TestDatabase } from "../support/database.ts";

/** Answers every question with `Answer: ` and the question. */
export const repeats: Responder = (request) => says(`Answer: ${questionOf(request)}`);

/** The question to the model: the newest item of its input. */
export function questionOf(request: ModelRequest): string {
  return conversationOf(request).at(-1) ?? "";
}

/** The conversation as the model gets it, the question last. */
export function conversationOf({ body }: ModelRequest): string[] {
  return typeof body.input === "string" ? [body.input] : body.input.map(({ content }) => String(content));
}

/** A staff member, for groups and for people with more than a first name. */
export async function staffPerson(
  { telegram, test }: { telegram: TelegramStandIn; test: TestDatabase },
  role: StaffRole,
  options: Parameters<TelegramStandIn["person"]>[0],
): Promise<User> {
  const person = telegram.person(options);
  const { id, first_name, username = null } = person;
  await saveStaffMember(test.db, { telegramUserId: id, name: first_name, username, role });
  return person;
}

/** Settles when the bot has confirmed every update: it will answer no more of them. */
export async function allHandled({ telegram }: Pick<TestApp, "telegram">): Promise<void> {
  await telegram.waitFor(() => telegram.pendingUpdates().length === 0);
}

/** Asks an owner's bot for an invite. @returns the code in the link. */
export async function inviteFrom(owner: StandInChat, role: StaffRole): Promise<string> {
  const asked = owner.send(`/invite ${role}`);
  const { text = "" } = await owner.waitForBotMessage(/\?start=/, { after: asked });
  return /\?start=([\w-]+)/.exec(text)?.[1] ?? "";
}

/** The labels of the buttons below a message, from top to bottom. */
export function buttonsOf(message: Message): string[] {
  return message.reply_markup?.inline_keyboard.flat().map(({ text }) => text) ?? [];
}

/** All texts that the bot sent to a chat. */
export function textsOf(chat: StandInChat): (string | undefined)[] {
  return chat.botMessages().map(({ text }) => text);
}
