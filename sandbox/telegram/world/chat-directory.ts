/** Creates people and chats. A chat is returned as the object with which its people act. */
import type { User } from "@grammyjs/types";
import { type ChatDependencies, createChat, type StandInChat } from "./chat.ts";
import { withoutUndefined } from "./without-undefined.ts";
import type { BotChat, ChatState } from "./world.ts";

interface PersonOptions {
  id?: number;
  first_name: string;
  last_name?: string;
  username?: string;
  language_code?: string;
}

interface GroupOptions {
  /** Negative, as on Telegram. Default: the next unused id. */
  id?: number;
  title: string;
  members: User[];
  /** Default "group". */
  type?: "group" | "supergroup";
  /** Supergroups only. */
  is_forum?: boolean;
  /** Default: none. */
  administrators?: User[];
  /** A bot that is an administrator receives every message of the group. Default false. */
  isBotAdministrator?: boolean;
}

export interface ChatDirectory {
  /** A person with a Telegram account who has never written to the bot. */
  person(options: PersonOptions): User;
  /** The person's private chat with the bot, always the same object. The bot cannot write before the person does. */
  privateChat(person: User): StandInChat;
  /** A group of which the bot is already a member. The bot gets no update about it. */
  group(options: GroupOptions): StandInChat;
}

/** More than 32 bits, like many ids on Telegram. */
const FIRST_PERSON_ID = 5_000_000_001;
const FIRST_GROUP_ID = 4_500_000_001;
const FIRST_SUPERGROUP_ID = 1_002_000_000_001;

export function createChatDirectory(dependencies: Omit<ChatDependencies, "migrate">): ChatDirectory {
  const { world } = dependencies;
  const handles = new Map<number, StandInChat>();
  let created = 0;
  const open = (chat: BotChat, fields: Pick<ChatState, "members" | "botAccess">) => {
    const state = world.addChat(chat, fields);
    const handle = createChat(state, { ...dependencies, migrate });
    handles.set(chat.id, handle);
    return { state, handle };
  };
  const migrate = (old: ChatState): StandInChat => {
    created += 1;
    const id = -(FIRST_SUPERGROUP_ID + created);
    const { state, handle } = open({ id, type: "supergroup", title: old.chat.title ?? "" }, old);
    for (const administratorId of old.administratorIds) state.administratorIds.add(administratorId);
    return handle;
  };
  return {
    person(options) {
      created += 1;
      const user = { is_bot: false, ...options, id: options.id ?? FIRST_PERSON_ID + created };
      world.people.set(user.id, user);
      return user;
    },
    privateChat(person) {
      const { id, first_name, last_name, username } = person;
      const chat = { type: "private" as const, id, first_name, ...withoutUndefined({ last_name, username }) };
      return handles.get(id) ?? open(chat, { members: [person], botAccess: "not-started" }).handle;
    },
    group(options) {
      created += 1;
      const { state, handle } = open(describeGroup(options, created), { members: options.members, botAccess: "open" });
      for (const { id } of options.administrators ?? []) state.administratorIds.add(id);
      if (options.isBotAdministrator) state.administratorIds.add(world.bot.id);
      return handle;
    },
  };
}

function describeGroup({ id, title, type = "group", is_forum }: GroupOptions, number: number): BotChat {
  if (type === "group") return { type, title, id: id ?? -(FIRST_GROUP_ID + number) };
  return { type, title, id: id ?? -(FIRST_SUPERGROUP_ID + number), ...(is_forum && { is_forum }) };
}
