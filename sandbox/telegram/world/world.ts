/**
 * The state of the stand-in: people, chats and messages. Only this module changes chats and messages.
 *
 * Messages are immutable: an edit replaces the object, so a reference to a message keeps the text of that time. The module
 * knows neither the Bot API's methods nor what people may do.
 */
import type { Chat, Message, ReplyKeyboardMarkup, User, UserFromGetMe } from "@grammyjs/types";
import { appendBounded } from "./append-bounded.ts";
import type { Changes, ChatChange } from "./changes.ts";

/** A type of chat in which this product's bot can be. */
export type BotChat = Exclude<Chat, Chat.ChannelChat>;

/** Whether the bot can write to a chat. `not-started`: a private chat in which the person has never written. */
export type BotAccess = "open" | "not-started" | "blocked" | "kicked";

export interface ChatState {
  readonly chat: BotChat;
  members: User[];
  readonly administratorIds: Set<number>;
  botAccess: BotAccess;
  migratedToId: number | undefined;
  messages: Message[];
  /** Messages that were sent with a reply keyboard or its removal. Telegram never lets a bot edit them. */
  readonly lockedMessageIds: Set<number>;
  /** Forum topics by `message_thread_id`, with the service message that created each. */
  readonly topics: Map<number, Message>;
  /** The topics in which a bot that is no administrator cannot write. */
  readonly closedTopicIds: Set<number>;
  /** The current reply keyboard under the input field. */
  replyKeyboard: ReplyKeyboardMarkup | undefined;
  /** The bot's latest chat action. It is shown until `untilMs` or the bot's next message. */
  action: { name: string; untilMs: number } | undefined;
  /** The newest changes, oldest first. */
  history: ChatChange[];
}

/** A callback query, which the bot must answer. */
interface PendingCallback {
  chatId: number;
  isAnswered: boolean;
}

type NewMessage = Omit<Message, "message_id" | "date" | "chat">;
/** A change without its chat and time. */
type ChangeDetails<C = ChatChange> = C extends ChatChange ? Omit<C, "chatId" | "atMs"> : never;

export interface World {
  readonly bot: UserFromGetMe;
  now(): number;
  readonly people: Map<number, User>;
  readonly callbacks: Map<string, PendingCallback>;
  addChat(chat: BotChat, fields: Pick<ChatState, "members" | "botAccess">): ChatState;
  findChat(id: number | string | undefined): ChatState | undefined;
  findMessage(state: ChatState, messageId: number): Message | undefined;
  addMessage(state: ChatState, message: NewMessage): Message;
  replaceMessage(state: ChatState, message: Message): void;
  removeMessage(state: ChatState, messageId: number): void;
  setReplyKeyboard(state: ChatState, keyboard: ReplyKeyboardMarkup | undefined): void;
  record(state: ChatState, change: ChangeDetails): void;
}

export interface WorldDependencies {
  bot: UserFromGetMe;
  now: () => number;
  emit: Changes["emit"];
  firstMessageId: number;
}

const MAX_MESSAGES = 5_000;
const MAX_HISTORY = 10_000;

export function createWorld({ bot, now, emit, firstMessageId }: WorldDependencies): World {
  const chats = new Map<number, ChatState>();
  const nextMessageId = createMessageIds(firstMessageId);
  const record = (state: ChatState, change: ChangeDetails) => {
    const recorded = { ...change, chatId: state.chat.id, atMs: now() };
    appendBounded(state.history, recorded, MAX_HISTORY);
    emit(recorded);
  };
  return {
    bot,
    now,
    people: new Map(),
    callbacks: new Map(),
    record,
    addChat(chat, fields) {
      const state = createChatState(chat, fields);
      chats.set(chat.id, state);
      return state;
    },
    findChat: (id) => (id === undefined ? undefined : findChat(chats, id)),
    findMessage: (state, messageId) => state.messages.find((message) => message.message_id === messageId),
    addMessage(state, fields) {
      const message = { ...fields, message_id: nextMessageId(state), date: toUnixTime(now()), chat: state.chat };
      appendBounded(state.messages, message, MAX_MESSAGES);
      if (message.from?.id === bot.id) state.action = undefined;
      record(state, { kind: "message-new", message });
      return message;
    },
    replaceMessage(state, message) {
      const index = state.messages.findIndex((old) => old.message_id === message.message_id);
      state.messages[index] = message;
      record(state, { kind: "message-edit", message });
    },
    removeMessage(state, messageId) {
      state.messages = state.messages.filter((message) => message.message_id !== messageId);
      record(state, { kind: "message-delete", messageId });
    },
    setReplyKeyboard(state, keyboard) {
      state.replyKeyboard = keyboard;
      record(state, { kind: "reply-keyboard", keyboard });
    },
  };
}

/** Milliseconds to Telegram's time format: whole seconds since 1970. */
export function toUnixTime(ms: number): number {
  return Math.floor(ms / 1_000);
}

function createChatState(chat: BotChat, fields: Pick<ChatState, "members" | "botAccess">): ChatState {
  return {
    ...fields,
    chat,
    administratorIds: new Set(),
    migratedToId: undefined,
    messages: [],
    lockedMessageIds: new Set(),
    topics: new Map(),
    closedTopicIds: new Set(),
    replyKeyboard: undefined,
    action: undefined,
    history: [],
  };
}

/** Accepts a number, a number as a string, or an @username, as the Bot API does. */
function findChat(chats: Map<number, ChatState>, id: number | string): ChatState | undefined {
  if (typeof id === "number" || /^-?\d+$/.test(id)) return chats.get(Number(id));
  const username = id.replace(/^@/, "").toLowerCase();
  // The Bot API resolves usernames of groups and channels only, never of people.
  return [...chats.values()].find(
    ({ chat }) => chat.type === "supergroup" && chat.username?.toLowerCase() === username,
  );
}

/**
 * As on Telegram, private chats and basic groups share one sequence, and each supergroup has its own: a message id alone
 * does not identify a message.
 */
function createMessageIds(firstId: number): (state: ChatState) => number {
  const lastIds = new Map<number | "shared", number>();
  return ({ chat }) => {
    const sequence = chat.type === "supergroup" ? chat.id : "shared";
    const id = (lastIds.get(sequence) ?? firstId - 1) + 1;
    lastIds.set(sequence, id);
    return id;
  };
}
