/**
 * One chat as its people see it: they write, press buttons, edit and block; a test reads the messages.
 *
 * Impossible actions, such as pressing a button that is not shown, throw `UserActionError`.
 */
import type { Message, ReplyKeyboardMarkup } from "@grammyjs/types";
import type { FloodControl, LimitCounts } from "../flood-control.ts";
import type { UpdateFeed } from "../updates/update-feed.ts";
import type { Changes, ChatChange, WaitOptions } from "./changes.ts";
import { createMembership, type Membership } from "./chat-membership.ts";
import { createUserActions, type UserActions } from "./user-actions.ts";
import type { BotChat, ChatState, World } from "./world.ts";

type MessageMatcher = string | RegExp | ((message: Message) => boolean);

interface WaitForMessageOptions extends WaitOptions {
  /** Only messages after this one. */
  after?: Message;
}

export interface StandInChat extends UserActions, Membership<StandInChat> {
  readonly id: number;
  readonly chat: BotChat;
  /** Every change of this chat, oldest first (at least the newest 10,000). */
  readonly history: readonly ChatChange[];
  /** The current messages, oldest first. */
  messages(): Message[];
  /** The current messages of the bot, oldest first. */
  botMessages(): Message[];
  /** The keyboard under the input field. */
  replyKeyboard(): ReplyKeyboardMarkup | undefined;
  /** The bot's current chat action, such as "typing". */
  shownAction(): { name: string; untilMs: number } | undefined;
  /** Waits for a message of the bot that equals this string, or matches this expression or predicate. */
  waitForBotMessage(matcher: MessageMatcher, options?: WaitForMessageOptions): Promise<Message>;
  limitCounts(): LimitCounts;
}

export interface ChatDependencies {
  world: World;
  updates: UpdateFeed;
  limits: FloodControl;
  waitFor: Changes["waitFor"];
  /** Creates the supergroup that replaces a group. */
  migrate: (old: ChatState) => StandInChat;
}

export function createChat(state: ChatState, dependencies: ChatDependencies): StandInChat {
  const { world, limits, waitFor } = dependencies;
  const botMessages = () => state.messages.filter((message) => message.from?.id === world.bot.id);
  return {
    ...createUserActions(state, dependencies),
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
  // Not `test`, which continues at the last match if the expression has the flag `g`.
  return (message.text ?? "").search(matcher) >= 0;
}
