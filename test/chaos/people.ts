/** The people: their chats with the bot, and their questions and stops at the planned times. */
import type { User } from "@grammyjs/types";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { questionText } from "./answers.ts";
import { type PlannedQuestion, type PlannedStop, TOPICS_PER_FORUM } from "./plan.ts";
import type { AskedQuestion, RecordedStop } from "./recording.ts";

export interface People {
  /** For OWNER_TELEGRAM_IDS, so that everyone may ask. */
  readonly telegramIds: readonly number[];
  readonly chats: readonly StandInChat[];
  readonly questions: AskedQuestion[];
  readonly stops: RecordedStop[];
  ask(question: PlannedQuestion): void;
  stop(stop: PlannedStop): void;
}

/** A chat or a forum topic. */
interface Place {
  readonly chat: StandInChat;
  readonly topicId: number | null;
}

interface ChatCounts {
  privateChats: number;
  groups: number;
  forums: number;
}

/** Creates the people and their chats in the stand-in. Places are numbered as in the plan. */
export function createPeople(telegram: TelegramStandIn, counts: ChatCounts): People {
  const users = Array.from({ length: counts.privateChats }, (_, index) =>
    telegram.person({ first_name: `Person ${index + 1}` }),
  );
  const members = users.filter((_, index) => index % 3 === 0);
  const { chats, places } = createPlaces(telegram, users, { members, counts });
  const placeOf = (number: number): Place => {
    const place = places[number];
    if (!place) throw new Error(`the plan names place ${number}, which does not exist`);
    return place;
  };
  const send = createSender(telegram, members);
  const questions: AskedQuestion[] = [];
  const stops: RecordedStop[] = [];
  return {
    telegramIds: users.map(({ id }) => id),
    chats,
    questions,
    stops,
    ask({ place: number, spec }) {
      const place = placeOf(number);
      const { message_id: messageId, text = "" } = send(place, questionText(spec));
      const at = { chatId: place.chat.id, topicId: place.topicId, messageId, atMs: Date.now() };
      questions.push({ id: spec.id, text, ...at });
    },
    stop({ place: number, how }) {
      const place = placeOf(number);
      const stop = { chatId: place.chat.id, topicId: place.topicId, atMs: Date.now() };
      if (how !== "button") send(place, how);
      else if (!pressStop(place)) return;
      stops.push(stop);
    },
  };
}

function createPlaces(
  telegram: TelegramStandIn,
  users: readonly User[],
  { members, counts }: { members: User[]; counts: ChatCounts },
): { chats: StandInChat[]; places: Place[] } {
  const createGroup = (title: string, type: { type: "group" | "supergroup"; is_forum?: boolean }) =>
    telegram.group({ title, members, isBotAdministrator: true, ...type });
  const privateChats = users.map((user) => telegram.privateChat(user));
  const groups = Array.from({ length: counts.groups }, (_, index) =>
    createGroup(`Group ${index + 1}`, { type: "group" }),
  );
  const forums = Array.from({ length: counts.forums }, (_, index) =>
    createGroup(`Forum ${index + 1}`, { type: "supergroup", is_forum: true }),
  );
  const topics = forums.flatMap((chat) =>
    Array.from({ length: TOPICS_PER_FORUM }, (_, index) => ({ chat, topicId: chat.topic(`Topic ${index + 1}`) })),
  );
  return {
    chats: [...privateChats, ...groups, ...forums],
    places: [...[...privateChats, ...groups].map((chat) => ({ chat, topicId: null })), ...topics],
  };
}

function createSender(telegram: TelegramStandIn, members: readonly User[]) {
  let sent = 0;
  return ({ chat, topicId }: Place, text: string) => {
    sent += 1;
    const isGroup = chat.id < 0;
    // Members take turns in a group, because of the limit on one person's messages per minute.
    const from = isGroup ? members[sent % members.length] : undefined;
    return chat.send(isGroup ? addressBot(telegram, text) : text, {
      ...(from && { from }),
      ...(topicId !== null && { messageThreadId: topicId, isTopicMessage: true }),
    });
  };
}

/** In a group the bot only reacts to messages that name it. */
function addressBot({ bot }: TelegramStandIn, text: string): string {
  return text.startsWith("/") ? `${text}@${bot.username}` : `@${bot.username} ${text}`;
}

/** @returns whether there was a stop button to press. */
function pressStop({ chat, topicId }: Place): boolean {
  const message = chat
    .botMessages()
    .findLast(
      ({ reply_markup, message_thread_id }) => reply_markup !== undefined && (message_thread_id ?? null) === topicId,
    );
  const button = message?.reply_markup?.inline_keyboard[0]?.[0];
  // Under a failed answer there is a retry button instead.
  const isStop = button && "callback_data" in button && button.callback_data?.startsWith("stop:");
  if (!message || !isStop) return false;
  chat.press(message, button.text);
  return true;
}
