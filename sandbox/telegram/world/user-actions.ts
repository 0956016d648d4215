/** What people do in a chat: write, send things, press buttons, edit and delete. Each act becomes an update. */
import { randomUUID } from "node:crypto";
import type { CallbackQuery, Message, MessageEntity, User } from "@grammyjs/types";
import { quoteOf, threadOf } from "../methods/destination.ts";
import type { UpdateFeed } from "../updates/update-feed.ts";
import { isVisibleToBot } from "./bot-visibility.ts";
import { formatText } from "./entities.ts";
import { ImpossibleActError } from "./user-action-error.ts";
import { withoutUndefined } from "./without-undefined.ts";
import { type BotChat, type ChatState, toUnixTime, type World } from "./world.ts";

export interface SendOptions {
  /** Default: the person of a private chat, the first member of a group. */
  from?: User;
  /** Besides those that Telegram finds itself: commands, mentions, links. */
  entities?: MessageEntity[];
  /** The message that this one answers. */
  replyTo?: Message;
  /** A forum topic, as `topic` returned it; its messages are `is_topic_message` unless said otherwise. */
  messageThreadId?: number;
  isTopicMessage?: boolean;
  /** Any other fields, such as `sender_chat` of an anonymous administrator, or `forward_origin`. */
  extra?: Partial<Message>;
}

export interface ChatActs {
  /** A text message, trimmed as Telegram does. Throws when it is empty, longer than 4,096 units or cannot be sent. */
  send(text: string, options?: SendOptions): Message;
  sendPhoto(options?: SendOptions & { caption?: string }): Message;
  sendSticker(options?: SendOptions): Message;
  /** Any other message, such as `{ new_chat_members: [person] }`. */
  sendService(fields: Partial<Message>): Message;
  /** Opens a forum topic; its id is the `messageThreadId` of what is sent into it. */
  topic(name: string): number;
  /** Presses the inline button with this callback data, or this text, if the message shows it now. */
  press(message: Pick<Message, "message_id">, button: string, from?: User): CallbackQuery;
  /** A person changes the text of their own message. */
  edit(message: Pick<Message, "message_id">, newText: string): Message;
  /** A person deletes a message, the bot's included. No update tells of it. */
  deleteMessage(message: Pick<Message, "message_id">): void;
}

interface ActDependencies {
  world: World;
  updates: UpdateFeed;
}

type Sent = Message & { chat: BotChat; from: User };

export function createChatActs(state: ChatState, { world, updates }: ActDependencies): ChatActs {
  const post = (fields: Partial<Message>, options: SendOptions = {}) => {
    openPrivateChat(state);
    const from = options.from ?? firstMember(state);
    const placed = { ...placeOf(state, options), from, ...fields, ...options.extra };
    const message: Sent = { ...world.addMessage(state, placed), from, chat: state.chat };
    if (isVisibleToBot(world, state, message)) updates.push({ message });
    return message;
  };
  return {
    send(text, options) {
      const { text: cleaned, entities } = formatText(text, options?.entities);
      const message = post({ text: cleaned, ...(entities.length > 0 && { entities }) }, options);
      if (state.replyKeyboard?.one_time_keyboard) world.setReplyKeyboard(state, undefined);
      return message;
    },
    sendPhoto: (options) => post({ photo: [photoSize()], ...withoutUndefined({ caption: options?.caption }) }, options),
    sendSticker: (options) => post({ sticker: sticker() }, options),
    sendService: (fields) => post(fields, fields.from && { from: fields.from }),
    topic(name) {
      const opened = post({ forum_topic_created: { name, icon_color: 7_322_096 } });
      const topic = { ...opened, message_thread_id: opened.message_id, is_topic_message: true };
      world.replaceMessage(state, topic);
      state.topics.set(opened.message_id, topic);
      return opened.message_id;
    },
    press: (message, button, from = firstMember(state)) => {
      const query = createQuery(state, getMessage(world, state, message), { button, from });
      const { id: queryId, data = "" } = query;
      world.callbacks.set(queryId, { chatId: state.chat.id, isAnswered: false });
      world.record(state, { kind: "callback-query", queryId, messageId: message.message_id, data });
      updates.push({ callback_query: query });
      return query;
    },
    edit(message, newText) {
      const { entities: _old, ...current } = getMessage(world, state, message);
      if (!current.from || current.from.is_bot)
        throw new ImpossibleActError("a person can edit only a person's message");
      const { text, entities } = formatText(newText);
      const dated = { edit_date: toUnixTime(world.now()), from: current.from, chat: state.chat };
      const edited = { ...current, ...dated, text, ...(entities.length > 0 && { entities }) };
      world.replaceMessage(state, edited);
      if (isVisibleToBot(world, state, edited)) updates.push({ edited_message: edited });
      return edited;
    },
    deleteMessage: (message) => world.removeMessage(state, getMessage(world, state, message).message_id),
  };
}

/** Writing is what lets the bot write back. */
function openPrivateChat(state: ChatState): void {
  if (state.migratedToId !== undefined)
    throw new ImpossibleActError("the group was upgraded: use the chat that migrate() returned");
  if (state.reach === "blocked") throw new ImpossibleActError("this person blocked the bot: unblock() first");
  if (state.reach === "not-started") state.reach = "open";
}

function firstMember({ members, chat }: ChatState): User {
  const [member] = members;
  if (!member) throw new ImpossibleActError(`chat ${chat.id} has no members: say who it is \`from\``);
  return member;
}

function placeOf(state: ChatState, { replyTo, messageThreadId, isTopicMessage }: SendOptions): Partial<Message> {
  const opening = messageThreadId === undefined ? undefined : state.topics.get(messageThreadId);
  // What is written into a topic, and answers nothing else, answers the message that opened it.
  const replied = replyTo ?? opening;
  return {
    ...threadOf(state, messageThreadId, replied),
    ...(replied && { reply_to_message: quoteOf(replied) }),
    ...withoutUndefined({ is_topic_message: isTopicMessage }),
  };
}

function getMessage(world: World, state: ChatState, { message_id }: Pick<Message, "message_id">): Message {
  const message = world.findMessage(state, message_id);
  if (!message) throw new ImpossibleActError(`chat ${state.chat.id} shows no message ${message_id}`);
  return message;
}

function createQuery(state: ChatState, message: Message, press: { button: string; from: User }): CallbackQuery {
  const buttons = message.reply_markup?.inline_keyboard.flat() ?? [];
  const pressable = buttons.flatMap((shown) => ("callback_data" in shown ? [shown] : []));
  const pressed =
    pressable.find((shown) => shown.callback_data === press.button) ??
    pressable.find((shown) => shown.text === press.button);
  if (!pressed) {
    const shown = pressable.map(({ text, callback_data }) => `"${text}" (${callback_data})`).join(", ") || "none";
    throw new ImpossibleActError(`message ${message.message_id} shows no button "${press.button}"; it shows: ${shown}`);
  }
  const data = pressed.callback_data;
  return { id: randomUUID(), from: press.from, message, chat_instance: String(state.chat.id), data };
}

function photoSize() {
  const id = randomUUID();
  return { file_id: id, file_unique_id: id.slice(0, 8), width: 1_280, height: 960, file_size: 123_456 };
}

function sticker(): NonNullable<Message["sticker"]> {
  const file = { ...photoSize(), width: 512, height: 512 };
  return { ...file, type: "regular", is_animated: false, is_video: false, emoji: "☕" };
}
