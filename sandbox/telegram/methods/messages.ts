/** sendMessage, editMessageText, editMessageReplyMarkup and deleteMessage. */
import type { InlineKeyboardMarkup, LinkPreviewOptions, Message } from "@grammyjs/types";
import { z } from "zod";
import { badRequest } from "../refusal.ts";
import { type FormattedText, formatText, isSameText } from "../world/entities.ts";
import { withoutUndefined } from "../world/without-undefined.ts";
import { type ChatState, toUnixTime, type World } from "../world/world.ts";
import { checkBotAccess, findDestination } from "./destination.ts";
import { defineMethod, getChat, type MethodContext } from "./method.ts";
import * as p from "./parameters.ts";

const text = { text: z.string(), entities: p.entities.optional(), parse_mode: p.parseMode.optional() };
const place = { chat_id: p.chatId, message_id: p.id };

export const sendMessage = defineMethod({
  name: "sendMessage",
  isCounted: true,
  parameters: {
    chat_id: p.chatId,
    ...text,
    message_thread_id: p.id.optional(),
    link_preview_options: p.linkPreviewOptions.optional(),
    disable_notification: z.boolean().optional(),
    protect_content: z.boolean().optional(),
    reply_parameters: p.replyParameters.optional(),
    reply_markup: p.replyMarkup.optional(),
  },
  execute(params, { world }) {
    const state = getChat(world, params.chat_id);
    checkBotAccess(state);
    const formatted = parseText(params);
    const destination = findDestination(world, state, params);
    const message = world.addMessage(state, {
      from: botAsUser(world),
      ...textFields(formatted),
      ...destination,
      ...withoutUndefined({ link_preview_options: params.link_preview_options }),
      ...(params.protect_content && { has_protected_content: true as const }),
      ...keyboardFields(params.reply_markup),
    });
    applyReplyKeyboard(world, state, message, params.reply_markup);
    return message;
  },
});

export const editMessageText = defineMethod({
  name: "editMessageText",
  isCounted: true,
  parameters: {
    ...place,
    ...text,
    link_preview_options: p.linkPreviewOptions.optional(),
    reply_markup: p.inlineKeyboard.optional(),
  },
  execute(params, { world }) {
    const { state, message } = getEditableMessage(world, params);
    const formatted = parseText(params);
    const { link_preview_options } = params;
    return edit(world, state, { message, formatted, keyboard: params.reply_markup, link_preview_options });
  },
});

export const editMessageReplyMarkup = defineMethod({
  name: "editMessageReplyMarkup",
  isCounted: true,
  parameters: { ...place, reply_markup: p.inlineKeyboard.optional() },
  execute(params, { world }) {
    const { state, message } = getEditableMessage(world, params);
    const formatted = { text: message.text ?? "", entities: message.entities ?? [] };
    const { link_preview_options } = message;
    return edit(world, state, { message, formatted, keyboard: params.reply_markup, link_preview_options });
  },
});

export const deleteMessage = defineMethod({
  name: "deleteMessage",
  parameters: place,
  execute(params, { world }) {
    const state = getChat(world, params.chat_id);
    checkBotAccess(state);
    const message = world.findMessage(state, params.message_id);
    if (!message) throw badRequest("message to delete not found");
    if (!mayDelete(world, state, message)) throw badRequest("message can't be deleted");
    if (message.date < toUnixTime(world.now() - DELETABLE_MS))
      throw badRequest("message can't be deleted for everyone");
    world.removeMessage(state, message.message_id);
    return true;
  },
});

/** Source: core.telegram.org/bots/api#deletemessage. */
const DELETABLE_MS = 48 * 3_600_000;

function parseText(params: {
  text: string;
  entities?: FormattedText["entities"] | undefined;
  parse_mode?: string | undefined;
}) {
  if (params.parse_mode !== undefined && params.entities) {
    throw badRequest("entities and parse_mode exclude each other (the stand-in's rule)");
  }
  if (params.parse_mode !== undefined) {
    throw badRequest(`parse_mode ${params.parse_mode} is not supported by the stand-in: send text with entities`);
  }
  return formatText(params.text, params.entities);
}

function botAsUser({ bot }: World) {
  return { id: bot.id, is_bot: true, first_name: bot.first_name, username: bot.username };
}

function textFields({ text, entities }: FormattedText): Pick<Message, "text" | "entities"> {
  return entities.length > 0 ? { text, entities } : { text };
}

/** Only an inline keyboard is part of a message. An empty one counts as none. */
function keyboardFields(markup: p.ReplyMarkup | InlineKeyboardMarkup | undefined): {
  reply_markup?: InlineKeyboardMarkup;
} {
  if (!markup || !("inline_keyboard" in markup)) return {};
  return markup.inline_keyboard.flat().length > 0 ? { reply_markup: markup } : {};
}

function applyReplyKeyboard(world: World, state: ChatState, message: Message, markup: p.ReplyMarkup | undefined): void {
  if (!markup || "inline_keyboard" in markup) return;
  state.lockedMessageIds.add(message.message_id);
  if ("keyboard" in markup) world.setReplyKeyboard(state, markup);
  else if ("remove_keyboard" in markup) world.setReplyKeyboard(state, undefined);
}

function getEditableMessage(world: World, params: { chat_id: number | string; message_id: number }) {
  const state = getChat(world, params.chat_id);
  checkBotAccess(state);
  const message = world.findMessage(state, params.message_id);
  if (!message) throw badRequest("message to edit not found");
  const isOwnText = message.from?.id === world.bot.id && message.text !== undefined;
  if (!isOwnText || state.lockedMessageIds.has(message.message_id)) throw badRequest("message can't be edited");
  return { state, message };
}

interface Edit {
  message: Message;
  formatted: FormattedText;
  keyboard: InlineKeyboardMarkup | undefined;
  link_preview_options: LinkPreviewOptions | undefined;
}

function edit(world: MethodContext["world"], state: ChatState, change: Edit): Message {
  const { text, entities, reply_markup, link_preview_options, ...unchanged } = change.message;
  const keyboard = keyboardFields(change.keyboard);
  const isSameKeyboard = JSON.stringify(keyboard.reply_markup) === JSON.stringify(reply_markup);
  if (isSameKeyboard && isSameText(change.formatted, { text: text ?? "", entities: entities ?? [] })) {
    throw badRequest(NOT_MODIFIED);
  }
  const edited: Message = {
    ...unchanged,
    ...textFields(change.formatted),
    ...keyboard,
    ...withoutUndefined({ link_preview_options: change.link_preview_options }),
    edit_date: toUnixTime(world.now()),
  };
  world.replaceMessage(state, edited);
  return edited;
}

const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current content " +
  "and reply markup of the message";

/** The bot may delete its own messages anywhere, and others' in a private chat or as an administrator. */
function mayDelete(world: World, state: ChatState, message: Message): boolean {
  if (message.from?.id === world.bot.id || state.chat.type === "private") return true;
  return state.administratorIds.has(world.bot.id);
}
