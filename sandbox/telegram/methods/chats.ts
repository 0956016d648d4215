/** sendChatAction, getChat and getChatMember. */
import { z } from "zod";
import { badRequest } from "../refusal.ts";
import type { ChatState, World } from "../world/world.ts";
import { checkBotAccess, checkTopic } from "./destination.ts";
import { defineMethod, getChat } from "./method.ts";
import * as p from "./parameters.ts";

const ACTIONS = [
  "typing",
  "upload_photo",
  "record_video",
  "upload_video",
  "record_voice",
  "upload_voice",
  "upload_document",
  "choose_sticker",
  "find_location",
  "record_video_note",
  "upload_video_note",
] as const;

/** How long Telegram shows a chat action, in milliseconds. */
const ACTION_MS = 5_000;

export const sendChatAction = defineMethod({
  name: "sendChatAction",
  isCounted: true,
  parameters: { chat_id: p.chatId, action: z.enum(ACTIONS), message_thread_id: p.id.optional() },
  execute(params, { world }) {
    const state = getChat(world, params.chat_id);
    checkBotAccess(state);
    checkTopic(world, state, params.message_thread_id);
    const untilMs = world.now() + ACTION_MS;
    state.action = { name: params.action, untilMs };
    world.record(state, { kind: "chat-action", action: params.action, untilMs });
    return true;
  },
});

/** Returns only the fields of `ChatFullInfo` that this product might read. */
export const getChatInfo = defineMethod({
  name: "getChat",
  parameters: { chat_id: p.chatId },
  execute(params, { world }) {
    const state = getChat(world, params.chat_id);
    if (state.botAccess === "kicked") checkBotAccess(state);
    return { ...state.chat, accent_color_id: 0, max_reaction_count: 11 };
  },
});

export const getChatMember = defineMethod({
  name: "getChatMember",
  parameters: { chat_id: p.chatId, user_id: p.id },
  execute(params, { world }) {
    const state = getChat(world, params.chat_id);
    if (state.botAccess === "kicked") checkBotAccess(state);
    const user = params.user_id === world.bot.id ? world.bot : world.people.get(params.user_id);
    if (!user) throw badRequest("invalid user_id specified");
    return { user, status: memberStatus(world, state, user.id) };
  },
});

function memberStatus(world: World, state: ChatState, userId: number): "administrator" | "member" | "left" {
  if (state.administratorIds.has(userId)) return "administrator";
  const isMember = userId === world.bot.id || state.members.some((member) => member.id === userId);
  return isMember ? "member" : "left";
}
