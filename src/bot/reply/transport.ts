/**
 * Sends a reply to Telegram: messages with text and entities, edited in place. It uses the small part of the Bot API that a
 * reply needs, and returns failures as answers.
 */
import type { Api } from "grammy";
import type { InlineKeyboardMarkup } from "grammy/types";
import type { BudgetChat } from "../budget/send-budget.ts";
import { classifyFailure, type TelegramAnswer } from "../telegram/api-errors.ts";
import type { CallSignal } from "../telegram/connection.ts";
import type { PageContent, PageToSend, ReplyButton } from "./pages/page-diff.ts";
import type { ReplyTransport, SendAnswer } from "./ports.ts";

export interface TransportDeps {
  api: Api;
  /** Read at every call: its id changes when the group becomes a supergroup. */
  chat: BudgetChat;
  topicId: number | null;
  replyToMessageId: number | null;
  buttons: Record<ReplyButton, { label: string; data: string }>;
  onMigrated(telegramId: number): Promise<void>;
  /** Ends the call that is under way, as an unknown answer. */
  signal: AbortSignal;
}

/** A transport for one reply. */
export function createReplyTransport(deps: TransportDeps): ReplyTransport {
  const { api, chat } = deps;
  const signal = deps.signal as CallSignal;
  const askedIn = chat.telegramId;
  let isQuestionGone = false;
  return {
    async send(page) {
      // In a supergroup that was a group, the number of the question is another message.
      const mayQuote = chat.telegramId === askedIn && !isQuestionGone;
      const answer = await send(deps, page, mayQuote);
      if (answer.kind !== "reply-gone") return answer;
      isQuestionGone = true;
      // Without a quote, the same message would be refused for ever.
      return mayQuote ? answer : { ...answer, kind: "refused" };
    },
    edit: (messageId, page) =>
      answerOf(api.editMessageText(chat.telegramId, messageId, page.text, contentOptions(deps, page), signal)),
    remove: (messageId) => answerOf(api.deleteMessage(chat.telegramId, messageId, signal)),
    typing: () => answerOf(api.sendChatAction(chat.telegramId, "typing", topicOptions(deps), signal)),
    migrate: deps.onMigrated,
  };
}

async function send(deps: TransportDeps, page: PageToSend, mayQuote: boolean): Promise<SendAnswer> {
  const { api, chat, replyToMessageId } = deps;
  const quote =
    chat.isGroup && replyToMessageId !== null && mayQuote
      ? { reply_parameters: { message_id: replyToMessageId, allow_sending_without_reply: true } }
      : {};
  try {
    const options = {
      ...topicOptions(deps),
      ...contentOptions(deps, page),
      ...(page.isFirst ? quote : { disable_notification: true }),
    };
    const message = await api.sendMessage(chat.telegramId, page.text, options, deps.signal as CallSignal);
    return { kind: "sent", messageId: message.message_id };
  } catch (error) {
    return classifyFailure(error);
  }
}

function topicOptions({ topicId }: TransportDeps) {
  return topicId === null ? {} : { message_thread_id: topicId };
}

function contentOptions({ buttons }: TransportDeps, { button, entities }: PageContent) {
  return { ...markupOf(button && buttons[button]), entities, link_preview_options: { is_disabled: true } };
}

function markupOf(button: { label: string; data: string } | null): { reply_markup?: InlineKeyboardMarkup } {
  if (button === null) return {};
  return { reply_markup: { inline_keyboard: [[{ text: button.label, callback_data: button.data }]] } };
}

async function answerOf(call: Promise<unknown>): Promise<TelegramAnswer> {
  try {
    // Telegram answers these calls with a message or true. Without either, the result is unknown.
    return (await call)
      ? { kind: "done" }
      : { kind: "unknown", description: "an answer without a result", mayBeDone: true };
  } catch (error) {
    return classifyFailure(error);
  }
}
