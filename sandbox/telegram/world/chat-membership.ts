/** The bot's membership in a chat: blocked by a person, removed from a group, or migrated to a supergroup. */
import type { ChatMember, ChatMemberUpdated } from "@grammyjs/types";
import type { UpdateFeed } from "../updates/update-feed.ts";
import { UserActionError } from "./user-action-error.ts";
import type { UserActions } from "./user-actions.ts";
import { type BotAccess, type ChatState, toUnixTime, type World } from "./world.ts";

/** `Chat` is the type of the chat that `migrate` returns. */
export interface Membership<Chat> {
  /** The person blocks the bot (private chats). */
  block(): void;
  unblock(): void;
  /** The bot is removed from the group. */
  kick(): void;
  readmit(): void;
  /** The group becomes a supergroup: a new, empty chat with another id. Calls to the old chat get 400 from now on. */
  migrate(): Chat;
}

interface MembershipDependencies<Chat> {
  world: World;
  updates: UpdateFeed;
  /** Creates the supergroup that replaces a group. */
  migrate: (old: ChatState) => Chat;
}

export function createMembership<Chat extends Pick<UserActions, "sendService"> & { readonly id: number }>(
  state: ChatState,
  { world, updates, migrate }: MembershipDependencies<Chat>,
): Membership<Chat> {
  const setAccess = ({ botAccess, kind, isPrivate }: AccessChange) => {
    if ((state.chat.type === "private") !== isPrivate)
      throw new UserActionError(`${kind} is not possible in this type of chat`);
    state.botAccess = botAccess;
    world.record(state, { kind });
    updates.push({ my_chat_member: describeAccessChange(world, state) });
  };
  return {
    block: () => setAccess({ botAccess: "blocked", kind: "bot-blocked", isPrivate: true }),
    unblock: () => setAccess({ botAccess: "open", kind: "bot-unblocked", isPrivate: true }),
    kick: () => setAccess({ botAccess: "kicked", kind: "bot-kicked", isPrivate: false }),
    readmit: () => setAccess({ botAccess: "open", kind: "bot-readmitted", isPrivate: false }),
    migrate() {
      if (state.chat.type !== "group") throw new UserActionError("only a basic group becomes a supergroup");
      const upgraded = migrate(state);
      const [from] = state.members;
      const service = world.addMessage(state, { ...(from && { from }), migrate_to_chat_id: upgraded.id });
      if (from) updates.push({ message: { ...service, from, chat: state.chat } });
      upgraded.sendService({ migrate_from_chat_id: state.chat.id });
      state.migratedToId = upgraded.id;
      world.record(state, { kind: "chat-migrate", newChatId: upgraded.id });
      return upgraded;
    },
  };
}

interface AccessChange {
  botAccess: BotAccess;
  kind: "bot-blocked" | "bot-unblocked" | "bot-kicked" | "bot-readmitted";
  isPrivate: boolean;
}

function describeAccessChange(world: World, state: ChatState): ChatMemberUpdated {
  const member: ChatMember = { status: "member", user: world.bot };
  const banned: ChatMember = { status: "kicked", user: world.bot, until_date: 0 };
  const isMember = state.botAccess === "open";
  return {
    chat: state.chat,
    from: state.members[0] ?? world.bot,
    date: toUnixTime(world.now()),
    old_chat_member: isMember ? banned : member,
    new_chat_member: isMember ? member : banned,
  };
}
