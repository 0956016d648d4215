/** The bot's place in a chat: blocked by a person, put out of a group, moved into a supergroup. */
import type { ChatMember, ChatMemberUpdated } from "@grammyjs/types";
import type { UpdateFeed } from "../updates/update-feed.ts";
import type { ChatActs } from "./user-actions.ts";
import { ImpossibleActError } from "./user-action-error.ts";
import { type ChatState, type Reach, toUnixTime, type World } from "./world.ts";

/** `Chat`: what a chat is given out as. */
export interface Membership<Chat> {
  /** The person blocks the bot (private chats). */
  block(): void;
  unblock(): void;
  /** The bot is put out of the group. */
  kick(): void;
  readmit(): void;
  /** The group becomes a supergroup: the new chat, empty, with another id. The old one answers 400 from then on. */
  migrate(): Chat;
}

interface MembershipDependencies<Chat> {
  world: World;
  updates: UpdateFeed;
  /** Makes the supergroup that takes the place of a group. */
  migrate: (old: ChatState) => Chat;
}

export function createMembership<Chat extends Pick<ChatActs, "sendService"> & { readonly id: number }>(
  state: ChatState,
  { world, updates, migrate }: MembershipDependencies<Chat>,
): Membership<Chat> {
  const move = ({ reach, kind, isPrivate }: Move) => {
    if ((state.chat.type === "private") !== isPrivate)
      throw new ImpossibleActError(`${kind} does not happen in this kind of chat`);
    state.reach = reach;
    world.record(state, { kind });
    updates.push({ my_chat_member: describeMove(world, state) });
  };
  return {
    block: () => move({ reach: "blocked", kind: "bot-blocked", isPrivate: true }),
    unblock: () => move({ reach: "open", kind: "bot-unblocked", isPrivate: true }),
    kick: () => move({ reach: "kicked", kind: "bot-kicked", isPrivate: false }),
    readmit: () => move({ reach: "open", kind: "bot-readmitted", isPrivate: false }),
    migrate() {
      if (state.chat.type !== "group") throw new ImpossibleActError("only a basic group becomes a supergroup");
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

interface Move {
  reach: Reach;
  kind: "bot-blocked" | "bot-unblocked" | "bot-kicked" | "bot-readmitted";
  isPrivate: boolean;
}

function describeMove(world: World, state: ChatState): ChatMemberUpdated {
  const member: ChatMember = { status: "member", user: world.bot };
  const banned: ChatMember = { status: "kicked", user: world.bot, until_date: 0 };
  const isIn = state.reach === "open";
  return {
    chat: state.chat,
    from: state.members[0] ?? world.bot,
    date: toUnixTime(world.now()),
    old_chat_member: isIn ? banned : member,
    new_chat_member: isIn ? member : banned,
  };
}
