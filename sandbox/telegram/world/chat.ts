/**
 * One chat as the people in it see it: they write, press, edit, block; a test reads what is shown.
 *
 * Mistakes of the test itself, such as a press on a button that is not shown, are thrown as `ImpossibleActError`.
 */
import type { Message, ReplyKeyboardMarkup } from "@grammyjs/types";
import type { LimitCounts, LimitKeeper } from "../flood-control.ts";
import type { UpdateFeed } from "../updates/update-feed.ts";
import type { Changes, ChatChange, WaitOptions } from "./changes.ts";
import { type ChatActs, createChatActs } from "./user-actions.ts";
import { createMembership, type Membership } from "./chat-membership.ts";
import type { BotChat, ChatState, World } from "./world.ts";

type MessageMatcher = string | RegExp | ((message: Message) => boolean);

interface WaitForMessageOptions extends WaitOptions {
  /** Only messages that came after this one. */
  after?: Message;
}

export interface StandInChat extends ChatActs, Membership<StandInChat> {
  readonly id: number;
  readonly chat: BotChat;
  /** Every change of this chat, oldest first (the newest ten thousand at least). */
  readonly history: readonly ChatChange[];
  /** What the chat shows now, oldest first. */
  messages(): Message[];
  /** Of those, what the bot wrote. */
  botMessages(): Message[];
  /** The keyboard under the input. */
  replyKeyboard(): ReplyKeyboardMarkup | undefined;
  /** What the bot is shown to be doing now, such as "typing". */
  shownAction(): { name: string; untilMs: number } | undefined;
  /** The first message of the bot whose text is this string, matches this expression, or satisfies this predicate. */
  waitForBotMessage(matcher: MessageMatcher, options?: WaitForMessageOptions): Promise<Message>;
  limitCounts(): LimitCounts;
}

export interface ChatDependencies {
  world: World;
  updates: UpdateFeed;
  limits: LimitKeeper;
  waitFor: Changes["waitFor"];
  /** Makes the supergroup that takes the place of a group. */
  migrate: (old: ChatState) => StandInChat;
}

export function createChat(state: ChatState, dependencies: ChatDependencies): StandInChat {
  const { world, limits, waitFor } = dependencies;
  const botMessages = () => state.messages.filter((message) => message.from?.id === world.bot.id);
  return {
    ...createChatActs(state, dependencies),
    ...createMembership(state, dependencies),
    id: state.chat.id,
    chat: state.chat,
    get history() {
      return state.history;
    },
    messages: () => [...state.messages],
    botMessages,
    replyKeyboard: () => state.replyKeyboard,
    shownAction: () => (state.action && state.action.untilMs > world.now() ? state.action : undefined),
    waitForBotMessage: (matcher, { after, ...options } = {}) => {
      const isNew = (message: Message) => !after || message.message_id > after.message_id;
      return waitFor(() => botMessages().find((message) => isNew(message) && matches(matcher, message)), options);
    },
    limitCounts: () => limits.counts(state.chat.id),
  };
}

function matches(matcher: MessageMatcher, message: Message): boolean {
  if (typeof matcher === "function") return matcher(message);
  if (typeof matcher === "string") return message.text === matcher;
  // Not `test`: that of a global expression remembers where it stopped.
  return (message.text ?? "").search(matcher) >= 0;
}
