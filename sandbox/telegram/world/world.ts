/**
 * The people, chats and messages of the stand-in, and the only place that changes them.
 *
 * Messages are never changed in place: an edit puts a new object where the old one was, so that whoever holds a message
 * holds what was shown at that time. It knows neither the Bot API's methods nor what people may do.
 */
import type { Chat, Message, ReplyKeyboardMarkup, User, UserFromGetMe } from "@grammyjs/types";
import { appendBounded } from "./append-bounded.ts";
import type { Changes, ChatChange } from "./changes.ts";

/** A chat that a bot of this product can be in. */
export type BotChat = Exclude<Chat, Chat.ChannelChat>;

/** Whether the bot's messages get through: `not-started` is a private chat in which the person never wrote. */
export type Reach = "open" | "not-started" | "blocked" | "kicked";

export interface ChatState {
  readonly chat: BotChat;
  members: User[];
  readonly administratorIds: Set<number>;
  reach: Reach;
  migratedToId: number | undefined;
  messages: Message[];
  /** Messages that carried a reply keyboard or its removal: Telegram refuses to edit them for ever. */
  readonly lockedMessageIds: Set<number>;
  /** Forum topics by their `message_thread_id`, with the service message that opened each. */
  readonly topics: Map<number, Message>;
  /** The reply keyboard that is shown under the input now. */
  replyKeyboard: ReplyKeyboardMarkup | undefined;
  /** What the bot is shown to be doing, if `untilMs` is still to come and no message came since. */
  action: { name: string; untilMs: number } | undefined;
  /** The newest changes, oldest first. */
  history: ChatChange[];
}

/** A button press that waits for its answer. */
interface PendingCallback {
  chatId: number;
  isAnswered: boolean;
}

type NewMessage = Omit<Message, "message_id" | "date" | "chat">;
/** A change before its chat and time are known. */
type BareChange<C = ChatChange> = C extends ChatChange ? Omit<C, "chatId" | "atMs"> : never;

export interface World {
  readonly bot: UserFromGetMe;
  now(): number;
  readonly people: Map<number, User>;
  readonly callbacks: Map<string, PendingCallback>;
  addChat(chat: BotChat, fields: Pick<ChatState, "members" | "reach">): ChatState;
  findChat(id: number | string | undefined): ChatState | undefined;
  findMessage(state: ChatState, messageId: number): Message | undefined;
  addMessage(state: ChatState, message: NewMessage): Message;
  replaceMessage(state: ChatState, message: Message): void;
  removeMessage(state: ChatState, messageId: number): void;
  setReplyKeyboard(state: ChatState, keyboard: ReplyKeyboardMarkup | undefined): void;
  record(state: ChatState, change: BareChange): void;
}

export interface WorldDependencies {
  bot: UserFromGetMe;
  now: () => number;
  emit: Changes["emit"];
  firstMessageId: number;
}

const KEPT_MESSAGES = 5_000;
const KEPT_HISTORY = 10_000;

export function createWorld({ bot, now, emit, firstMessageId }: WorldDependencies): World {
  const chats = new Map<number, ChatState>();
  const nextMessageId = createMessageIds(firstMessageId);
  const record = (state: ChatState, change: BareChange) => {
    const dated = { ...change, chatId: state.chat.id, atMs: now() };
    appendBounded(state.history, dated, KEPT_HISTORY);
    emit(dated);
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
      appendBounded(state.messages, message, KEPT_MESSAGES);
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

/** Telegram's times are whole seconds since 1970. */
export function toUnixTime(ms: number): number {
  return Math.floor(ms / 1_000);
}

function createChatState(chat: BotChat, fields: Pick<ChatState, "members" | "reach">): ChatState {
  return {
    ...fields,
    chat,
    administratorIds: new Set(),
    migratedToId: undefined,
    messages: [],
    lockedMessageIds: new Set(),
    topics: new Map(),
    replyKeyboard: undefined,
    action: undefined,
    history: [],
  };
}

/** By number, by a number in quotes, or by @username, all of which the Bot API takes. */
function findChat(chats: Map<number, ChatState>, id: number | string): ChatState | undefined {
  if (typeof id === "number" || /^-?\d+$/.test(id)) return chats.get(Number(id));
  const username = id.replace(/^@/, "").toLowerCase();
  // A person is never found by username: the Bot API resolves only those of groups and channels.
  return [...chats.values()].find(
    ({ chat }) => chat.type === "supergroup" && chat.username?.toLowerCase() === username,
  );
}

/**
 * Private chats and basic groups share one sequence, each supergroup has its own, as on Telegram: a message id alone
 * names nothing.
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
