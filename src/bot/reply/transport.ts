/**
 * How a reply reaches Telegram: messages with text and entities, edited in place. The small part of the Bot API that a
 * reply uses; what came of a call is sorted, never thrown.
 */
import type { Api } from "grammy";
import type { InlineKeyboardMarkup } from "grammy/types";
import { sortFailure, type TelegramAnswer } from "../telegram/api-errors.ts";
import type { BudgetChat } from "./budget/send-budget.ts";
import type { PageContent, ReplyButton } from "./pages/page-diff.ts";
import type { ReplyTransport } from "./ports.ts";

export interface TransportDeps {
  api: Api;
  /** Read at every call: its id changes when the group becomes a supergroup. */
  chat: BudgetChat;
  topicId: number | null;
  replyToMessageId: number | null;
  buttons: Record<ReplyButton, { label: string; data: string }>;
  onMigrated(telegramId: number): Promise<void>;
}

/** A transport for one reply. */
export function createReplyTransport(deps: TransportDeps): ReplyTransport {
  const { api, chat, topicId, replyToMessageId } = deps;
  const thread = topicId === null ? {} : { message_thread_id: topicId };
  const markup = ({ button }: PageContent): { reply_markup?: InlineKeyboardMarkup } => {
    if (button === null) return {};
    const { label, data } = deps.buttons[button];
    return { reply_markup: { inline_keyboard: [[{ text: label, callback_data: data }]] } };
  };
  const askedIn = chat.telegramId;
  const quote = () =>
    // In a supergroup that was a group the same number is another message.
    chat.isGroup && replyToMessageId !== null && chat.telegramId === askedIn
      ? { reply_parameters: { message_id: replyToMessageId, allow_sending_without_reply: true } }
      : {};

  return {
    async send(page) {
      try {
        const message = await api.sendMessage(chat.telegramId, page.text, {
          ...thread,
          ...markup(page),
          ...(page.isFirst ? quote() : { disable_notification: true }),
          entities: page.entities,
          link_preview_options: { is_disabled: true },
        });
        return { kind: "sent", messageId: message.message_id };
      } catch (error) {
        return sortFailure(error);
      }
    },
    edit: (messageId, page) =>
      answerOf(
        api.editMessageText(chat.telegramId, messageId, page.text, {
          ...markup(page),
          entities: page.entities,
          link_preview_options: { is_disabled: true },
        }),
      ),
    remove: (messageId) => answerOf(api.deleteMessage(chat.telegramId, messageId)),
    typing: () => answerOf(api.sendChatAction(chat.telegramId, "typing", thread)),
    migrate: deps.onMigrated,
  };
}

async function answerOf(call: Promise<unknown>): Promise<TelegramAnswer> {
  try {
    // Telegram's answers to these calls are a message or true: without one, nobody knows.
    return (await call)
      ? { kind: "done" }
      : { kind: "unknown", description: "an answer without a result", mayBeDone: true };
  } catch (error) {
    return sortFailure(error);
  }
}
