/** The data for the sandbox's page as plain JSON: a snapshot of a chat, and its changes. */
import type { BotCommand, Message, MessageEntity, ReplyKeyboardMarkup } from "@grammyjs/types";
import type { StandInChange } from "../world/changes.ts";
import type { StandInChat } from "../world/chat.ts";

/** A message for the page. */
interface MessageView {
  id: number;
  /** "service" for Telegram's service messages. */
  author: "bot" | "person" | "service";
  text: string;
  entities: MessageEntity[];
  /** Rows of buttons. A press sends `data` or opens `url`. */
  buttons: { text: string; data?: string; url?: string }[][];
  /** The beginning of the message that this one replies to. */
  replyTo: string | undefined;
  sentAtMs: number;
  isEdited: boolean;
}

interface KeyboardView {
  rows: string[][];
  placeholder: string | undefined;
}

/** One event of the page's stream. Future times are sent as remaining milliseconds, because clocks may differ. */
export type PageEvent =
  | { kind: "snapshot"; messages: MessageView[]; keyboard?: KeyboardView; commands: BotCommand[]; typingMs: number }
  | { kind: "message"; message: MessageView }
  | { kind: "delete"; messageId: number }
  | { kind: "typing"; remainingMs: number }
  | { kind: "keyboard"; keyboard?: KeyboardView }
  | { kind: "answer"; queryId: string; text: string; isAlert: boolean }
  | { kind: "commands"; commands: BotCommand[] };

export interface ViewedChat {
  chat: StandInChat;
  botId: number;
  commands: () => BotCommand[];
}

export function viewSnapshot({ chat, botId, commands }: ViewedChat, nowMs: number): PageEvent {
  return {
    kind: "snapshot",
    messages: chat.messages().map((message) => viewMessage(message, botId)),
    ...viewKeyboard(chat.replyKeyboard()),
    commands: commands(),
    typingMs: Math.max(0, (chat.shownAction()?.untilMs ?? 0) - nowMs),
  };
}

/** The event for `change`; undefined if this chat's page does not show it. */
export function viewChange(change: StandInChange, viewed: ViewedChat): PageEvent | undefined {
  if (change.kind === "commands-set") return { kind: "commands", commands: viewed.commands() };
  if (!("chatId" in change) || change.chatId !== viewed.chat.id) return undefined;
  switch (change.kind) {
    case "message-new":
    case "message-edit":
      return { kind: "message", message: viewMessage(change.message, viewed.botId) };
    case "message-delete":
      return { kind: "delete", messageId: change.messageId };
    case "chat-action":
      return { kind: "typing", remainingMs: change.untilMs - change.atMs };
    case "reply-keyboard":
      return { kind: "keyboard", ...viewKeyboard(change.keyboard) };
    case "callback-answer":
      return { kind: "answer", queryId: change.queryId, text: change.text ?? "", isAlert: change.showAlert };
    default:
      return undefined;
  }
}

function viewMessage(message: Message, botId: number): MessageView {
  const text = message.text ?? message.caption ?? describeContent(message);
  const isService = message.text === undefined && !message.photo && !message.sticker;
  const author = message.from?.id === botId ? "bot" : "person";
  return {
    id: message.message_id,
    author: isService ? "service" : author,
    text,
    entities: message.entities ?? message.caption_entities ?? [],
    buttons: (message.reply_markup?.inline_keyboard ?? []).map((row) => row.map(viewButton)),
    replyTo: message.reply_to_message?.text?.slice(0, 120),
    sentAtMs: message.date * 1_000,
    isEdited: message.edit_date !== undefined,
  };
}

type InlineButton = NonNullable<Message["reply_markup"]>["inline_keyboard"][number][number];

function viewButton(button: InlineButton): MessageView["buttons"][number][number] {
  if ("callback_data" in button) return { text: button.text, data: button.callback_data };
  return "url" in button ? { text: button.text, url: button.url } : { text: button.text };
}

function describeContent(message: Message): string {
  if (message.photo) return "[photo]";
  if (message.sticker) return `[sticker ${message.sticker.emoji ?? ""}]`;
  return "[service message]";
}

function viewKeyboard(keyboard: ReplyKeyboardMarkup | undefined): { keyboard?: KeyboardView } {
  if (!keyboard) return {};
  const rows = keyboard.keyboard.map((row) => row.map((button) => (typeof button === "string" ? button : button.text)));
  return { keyboard: { rows, placeholder: keyboard.input_field_placeholder } };
}
