/** What people do in a chat: send messages, press buttons, edit and delete. Most actions cause an update for the bot. */
import { randomUUID } from "node:crypto";
import type { CallbackQuery, Message, MessageEntity, User } from "@grammyjs/types";
import { threadFields } from "../methods/destination.ts";
import type { UpdateFeed } from "../updates/update-feed.ts";
import { isVisibleToBot } from "./bot-visibility.ts";
import { formatText } from "./entities.ts";
import { replyFields } from "./reply-fields.ts";
import { UserActionError } from "./user-action-error.ts";
import { withoutUndefined } from "./without-undefined.ts";
import { type BotChat, type ChatState, toUnixTime, type World } from "./world.ts";

export interface SendOptions {
  /** Default: the person of a private chat, or the first member of a group. */
  from?: User;
  /** In addition to the entities that Telegram detects: commands, mentions and links. */
  entities?: MessageEntity[];
  /** The message to reply to, also one of another chat or topic. */
  replyTo?: Message;
  /** The part of its text that the person selected. */
  quote?: string;
  /** A forum topic's id, as returned by `topic`. Its messages have `is_topic_message` unless overridden. */
  messageThreadId?: number;
  isTopicMessage?: boolean;
  /** Other fields, such as `sender_chat` of an anonymous administrator, or `forward_origin`. */
  extra?: Partial<Message>;
}

export interface UserActions {
  /** Sends a text, trimmed as by Telegram. Throws if it is empty, longer than 4,096 UTF-16 units, or cannot be sent. */
  send(text: string, options?: SendOptions): Message;
  sendPhoto(options?: SendOptions & { caption?: string }): Message;
  sendSticker(options?: SendOptions): Message;
  /** Sends any other message, such as `{ new_chat_members: [person] }`. */
  sendService(fields: Partial<Message>): Message;
  /** Creates a forum topic. @returns its id, the `messageThreadId` of messages in it. */
  topic(name: string): number;
  /** Somebody closes a topic: a bot that is no administrator cannot write there any more. */
  closeTopic(topicId: number): void;
  /** Somebody deletes a topic with all its messages. The bot gets no update. */
  deleteTopic(topicId: number): void;
  /**
   * Presses the inline button with this callback data or text. Throws if the message does not show it.
   *
   * `isOld`: of the message, the update has only its chat and its id, as Telegram does with messages that are too old.
   */
  press(
    message: Pick<Message, "message_id">,
    button: string,
    from?: User,
    options?: { isOld?: boolean },
  ): CallbackQuery;
  /** A person changes the text of their own message. */
  edit(message: Pick<Message, "message_id">, newText: string): Message;
  /** A person deletes a message, also one of the bot. The bot gets no update. */
  deleteMessage(message: Pick<Message, "message_id">): void;
}

interface UserActionDependencies {
  world: World;
  updates: UpdateFeed;
}

type Sent = Message & { chat: BotChat; from: User };

export function createUserActions(state: ChatState, { world, updates }: UserActionDependencies): UserActions {
  const post = (fields: Partial<Message>, options: SendOptions = {}) => {
    openPrivateChat(state);
    const from = options.from ?? firstMember(state);
    const content = { ...placementFields(state, options), from, ...fields, ...options.extra };
    const added: Sent = { ...world.addMessage(state, content), from, chat: state.chat };
    // An ephemeral message has the id 0.
    const message = options.extra?.message_id === 0 ? { ...added, message_id: 0 } : added;
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
    sendPhoto: (options) => post({ photo: [photoSize()], ...captionFields(options) }, options),
    sendSticker: (options) => post({ sticker: sticker() }, options),
    sendService: (fields) => post(fields, fields.from && { from: fields.from }),
    topic(name) {
      const opened = post({ forum_topic_created: { name, icon_color: 7_322_096 } });
      const topic = { ...opened, message_thread_id: opened.message_id, is_topic_message: true };
      world.replaceMessage(state, topic);
      state.topics.set(opened.message_id, topic);
      return opened.message_id;
    },
    closeTopic(topicId) {
      post({ forum_topic_closed: {} }, { messageThreadId: getTopic(state, topicId).message_id });
      state.closedTopicIds.add(topicId);
    },
    deleteTopic(topicId) {
      state.topics.delete(getTopic(state, topicId).message_id);
      for (const message of state.messages.filter(({ message_thread_id: id }) => id === topicId)) {
        world.removeMessage(state, message.message_id);
      }
    },
    press: (message, button, from = firstMember(state), { isOld = false } = {}) => {
      const pressed = createQuery(state, getMessage(world, state, message), { button, from });
      const old = { chat: state.chat, message_id: message.message_id, date: 0 as const };
      const query = isOld ? { ...pressed, message: old } : pressed;
      const { id: queryId, data = "" } = query;
      world.callbacks.set(queryId, { chatId: state.chat.id, isAnswered: false });
      world.record(state, { kind: "callback-query", queryId, messageId: message.message_id, data });
      updates.push({ callback_query: query });
      return query;
    },
    edit(message, newText) {
      const { entities: _old, ...current } = getMessage(world, state, message);
      if (!current.from || current.from.is_bot) throw new UserActionError("a person can edit only a person's message");
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

/** By writing, the person allows the bot to write back. */
function openPrivateChat(state: ChatState): void {
  if (state.migratedToId !== undefined)
    throw new UserActionError("the group was upgraded: use the chat that migrate() returned");
  if (state.botAccess === "blocked") throw new UserActionError("this person blocked the bot: unblock() first");
  if (state.botAccess === "not-started") state.botAccess = "open";
}

function firstMember({ members, chat }: ChatState): User {
  const [member] = members;
  if (!member) throw new UserActionError(`chat ${chat.id} has no members: set \`from\``);
  return member;
}

function placementFields(state: ChatState, options: SendOptions): Partial<Message> {
  const { replyTo, messageThreadId, isTopicMessage, quote: selected } = options;
  // A message in a topic without an explicit reply is a reply to the message that created the topic.
  const topicHead = messageThreadId === undefined ? undefined : state.topics.get(messageThreadId);
  const isElsewhere = replyTo !== undefined && !isHere(state, replyTo, messageThreadId);
  return {
    ...threadFields(state, messageThreadId, isElsewhere ? undefined : (replyTo ?? topicHead)),
    ...replyFields({ replied: replyTo, isElsewhere, topicHead, selected }),
    ...withoutUndefined({ is_topic_message: isTopicMessage }),
  };
}

/** Whether a message is in this chat, and in the topic if one is given. */
function isHere({ chat }: ChatState, message: Message, topicId: number | undefined): boolean {
  if (message.chat.id !== chat.id) return false;
  return topicId === undefined || topicId === (message.is_topic_message ? message.message_thread_id : undefined);
}

function getTopic({ chat, topics }: ChatState, topicId: number): Message {
  const head = topics.get(topicId);
  if (!head) throw new UserActionError(`chat ${chat.id} has no topic ${topicId}`);
  return head;
}

function getMessage(world: World, state: ChatState, { message_id }: Pick<Message, "message_id">): Message {
  const message = world.findMessage(state, message_id);
  if (!message) throw new UserActionError(`chat ${state.chat.id} has no message ${message_id}`);
  return message;
}

function createQuery(state: ChatState, message: Message, press: { button: string; from: User }): CallbackQuery {
  const buttons = message.reply_markup?.inline_keyboard.flat() ?? [];
  const callbackButtons = buttons.flatMap((button) => ("callback_data" in button ? [button] : []));
  const pressed =
    callbackButtons.find(({ callback_data }) => callback_data === press.button) ??
    callbackButtons.find(({ text }) => text === press.button);
  if (!pressed) {
    const shown = callbackButtons.map(({ text, callback_data }) => `"${text}" (${callback_data})`).join(", ") || "none";
    throw new UserActionError(`message ${message.message_id} has no button "${press.button}"; its buttons: ${shown}`);
  }
  const data = pressed.callback_data;
  return { id: randomUUID(), from: press.from, message, chat_instance: String(state.chat.id), data };
}

function captionFields({ caption, entities: marked }: SendOptions & { caption?: string } = {}): Partial<Message> {
  if (caption === undefined) return {};
  const { text, entities } = formatText(caption, marked);
  return { caption: text, ...(entities.length > 0 && { caption_entities: entities }) };
}

function photoSize() {
  const id = randomUUID();
  return { file_id: id, file_unique_id: id.slice(0, 8), width: 1_280, height: 960, file_size: 123_456 };
}

function sticker(): NonNullable<Message["sticker"]> {
  const file = { ...photoSize(), width: 512, height: 512 };
  return { ...file, type: "regular", is_animated: false, is_video: false, emoji: "☕" };
}
