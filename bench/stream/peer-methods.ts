/**
 * Bot API methods that only the compared libraries call: rich messages and drafts.
 *
 * A rich message is stored as a message whose text is its Markdown. A draft is stored as a separate message, which is removed
 * when the chat's next message is sent. Drafts count against the limits, because the documentation does not exempt them.
 */
import type { Message } from "@grammyjs/types";
import { z } from "zod";
import { checkBotAccess } from "../../sandbox/telegram/methods/destination.ts";
import { editMessageText, sendMessage } from "../../sandbox/telegram/methods/messages.ts";
import { defineMethod, getChat, type Method, type MethodContext } from "../../sandbox/telegram/methods/method.ts";
import * as p from "../../sandbox/telegram/methods/parameters.ts";
import { badRequest } from "../../sandbox/telegram/refusal.ts";
import type { ChatState, World } from "../../sandbox/telegram/world/world.ts";

/** Maximum length; source: core.telegram.org/bots/api#richmessage, Bot API 10.1. */
const MAX_RICH_LENGTH = 32_768;
const MAX_TEXT_LENGTH = 4_096;

/** Marks a draft with a field that these bots never set. */
const DRAFT: Pick<Message, "author_signature"> = { author_signature: "draft" };

/** Whether this message is a draft, shown only as a preview. */
export function isDraft(message: Message): boolean {
  return message.author_signature === DRAFT.author_signature;
}

const richMessage = z.object({ markdown: z.string().min(1) });

const sendRichMessage = defineMethod({
  name: "sendRichMessage",
  isCounted: true,
  parameters: { chat_id: p.chatId, rich_message: richMessage, reply_markup: p.inlineKeyboard.optional() },
  execute({ chat_id, rich_message }, { world }) {
    const state = getChat(world, chat_id);
    checkBotAccess(state);
    checkLength(rich_message.markdown, MAX_RICH_LENGTH);
    return addOwnMessage(world, state, { text: rich_message.markdown });
  },
});

const editRich = defineMethod({
  name: "editMessageText",
  isCounted: true,
  parameters: {
    chat_id: p.chatId,
    message_id: p.id,
    rich_message: richMessage,
    reply_markup: p.inlineKeyboard.optional(),
  },
  execute({ chat_id, message_id, rich_message }, { world }) {
    const state = getChat(world, chat_id);
    checkBotAccess(state);
    const message = world.findMessage(state, message_id);
    if (!message) throw badRequest("message to edit not found");
    if (message.from?.id !== world.bot.id) throw badRequest("message can't be edited");
    checkLength(rich_message.markdown, MAX_RICH_LENGTH);
    if (message.text === rich_message.markdown) throw badRequest("message is not modified");
    const edited: Message = { ...message, text: rich_message.markdown };
    world.replaceMessage(state, edited);
    return edited;
  },
});

const sendMessageDraft = defineMethod({
  name: "sendMessageDraft",
  isCounted: true,
  parameters: {
    chat_id: p.id,
    draft_id: p.id,
    text: z.string(),
    entities: p.entities.optional(),
    message_thread_id: p.id.optional(),
  },
  execute({ chat_id, text }, { world }) {
    const state = getChat(world, chat_id);
    checkBotAccess(state);
    if (state.chat.type !== "private") throw badRequest("drafts are for private chats only");
    checkLength(text, MAX_TEXT_LENGTH);
    showDraft(world, state, text);
    return true;
  },
});

/** Additional methods for the Telegram stand-in. */
export const PEER_METHODS: readonly Method[] = [
  sendRichMessage,
  sendMessageDraft,
  {
    ...editMessageText,
    shape: { ...editMessageText.shape, ...editRich.shape },
    prepare: (params) => ("rich_message" in params ? editRich : editMessageText).prepare(params),
  },
  { ...sendMessage, prepare: (params) => ({ execute: (context) => sendAndRemoveDraft(params, context) }) },
];

function sendAndRemoveDraft(params: Record<string, unknown>, context: MethodContext): unknown {
  const message = sendMessage.prepare(params).execute(context);
  const { world } = context;
  const state = world.findChat(Number(params.chat_id));
  const draft = state?.messages.find(isDraft);
  if (state && draft) world.removeMessage(state, draft.message_id);
  return message;
}

function showDraft(world: World, state: ChatState, text: string): void {
  const draft = state.messages.find(isDraft);
  if (draft) world.replaceMessage(state, { ...draft, text });
  else addOwnMessage(world, state, { text, ...DRAFT });
}

function addOwnMessage(world: World, state: ChatState, fields: Partial<Message>): Message {
  const { id, first_name, username } = world.bot;
  return world.addMessage(state, { from: { id, is_bot: true, first_name, username }, ...fields });
}

function checkLength(text: string, maxLength: number): void {
  if (text.trim() === "") throw badRequest("text must be non-empty");
  if (text.length > maxLength) throw badRequest("message is too long");
}
