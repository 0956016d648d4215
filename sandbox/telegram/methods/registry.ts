/** The methods of the stand-in. As in the Bot API, their names are case-insensitive. */
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

/** Returns a case-insensitive lookup. `additional` methods replace built-in methods of the same name. */
export function createMethodFinder(additional: readonly Method[] = []): (name: string) => Method | undefined {
  const byName = new Map([...METHODS, ...additional].map((method) => [method.name.toLowerCase(), method]));
  return (name) => byName.get(name.toLowerCase());
}
