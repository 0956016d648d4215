/** All methods that the stand-in has, by their name in lower case: the Bot API does not look at case. */
import { answerCallbackQuery } from "./callbacks.ts";
import { getChatInfo, getChatMember, sendChatAction } from "./chats.ts";
import { deleteMessage, editMessageReplyMarkup, editMessageText, sendMessage } from "./messages.ts";
import type { Method } from "./method.ts";
import { deleteMyCommands, getMe, getMyCommands, profileMethods, setMyCommands } from "./profile.ts";
import { deleteWebhook, getUpdates, getWebhookInfo, setWebhook } from "./updates.ts";

const METHODS: readonly Method[] = [
  getMe,
  getUpdates,
  setWebhook,
  deleteWebhook,
  getWebhookInfo,
  sendMessage,
  editMessageText,
  editMessageReplyMarkup,
  deleteMessage,
  sendChatAction,
  answerCallbackQuery,
  getChatInfo,
  getChatMember,
  setMyCommands,
  getMyCommands,
  deleteMyCommands,
  ...profileMethods,
];

/** Finds a method by its name, in any case. `others` come besides the stand-in's own, and before one of the same name. */
export function createMethodFinder(others: readonly Method[] = []): (name: string) => Method | undefined {
  const byName = new Map([...METHODS, ...others].map((method) => [method.name.toLowerCase(), method]));
  return (name) => byName.get(name.toLowerCase());
}
