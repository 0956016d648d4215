/** The people: their chats with the bot, their questions in them at the planned times, and now and then a stop. */
import type { User } from "@grammyjs/types";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { questionText } from "./answers.ts";
import { type PlannedQuestion, type PlannedStop, TOPICS_PER_FORUM } from "./plan.ts";
import type { AskedQuestion, StopAct } from "./recording.ts";

export interface People {
  /** For OWNER_TELEGRAM_IDS: everyone may ask. */
  readonly telegramIds: readonly number[];
  readonly chats: readonly StandInChat[];
  readonly questions: AskedQuestion[];
  readonly stops: StopAct[];
  ask(question: PlannedQuestion): void;
  stop(stop: PlannedStop): void;
}

interface Place {
  readonly chat: StandInChat;
  readonly topicId: number | null;
}

/** Lets them into the stand-in. Places are numbered as in the plan. */
export function invitePeople(
  telegram: TelegramStandIn,
  { privateChats, groups, forums }: { privateChats: number; groups: number; forums: number },
): People {
  const users = Array.from({ length: privateChats }, (_, index) =>
    telegram.person({ first_name: `Person ${index + 1}` }),
  );
  const isOneInThree = (_: User, index: number) => index % 3 === 0;
  const members = users.filter(isOneInThree);
  const group = (title: string, type: { type: "group" | "supergroup"; is_forum?: boolean }) =>
    telegram.group({ title, members, isBotAdministrator: true, ...type });
  const rooms = Array.from({ length: groups }, (_, index) => group(`Group ${index + 1}`, { type: "group" }));
  const boards = Array.from({ length: forums }, (_, index) =>
    group(`Forum ${index + 1}`, { type: "supergroup", is_forum: true }),
  );
  const privates = users.map((user) => telegram.privateChat(user));
  const places: Place[] = [
    ...[...privates, ...rooms].map((chat) => ({ chat, topicId: null })),
    ...boards.flatMap((chat) =>
      Array.from({ length: TOPICS_PER_FORUM }, (_, index) => ({ chat, topicId: chat.topic(`Topic ${index + 1}`) })),
    ),
  ];
  const questions: AskedQuestion[] = [];
  const stops: StopAct[] = [];
  const placeOf = (number: number): Place => {
    const place = places[number];
    if (!place) throw new Error(`the plan names a place ${number} that nobody invited`);
    return place;
  };
  // In a group only what names the bot is meant for it.
  const address = ({ chat: { id } }: Place, text: string) => {
    if (id > 0) return text;
    return text.startsWith("/") ? `${text}@${telegram.bot.username}` : `@${telegram.bot.username} ${text}`;
  };
  let said = 0;
  const say = (place: Place, text: string) => {
    const { chat, topicId } = place;
    said += 1;
    // In a group by turns, because one person may not ask too much in a minute.
    const from = chat.id < 0 ? members[said % members.length] : undefined;
    return chat.send(address(place, text), {
      ...(from && { from }),
      ...(topicId !== null && { messageThreadId: topicId, isTopicMessage: true }),
    });
  };
  return {
    telegramIds: users.map(({ id }) => id),
    chats: [...privates, ...rooms, ...boards],
    questions,
    stops,
    ask({ place: number, spec }) {
      const place = placeOf(number);
      const { message_id: messageId, text = "" } = say(place, questionText(spec));
      questions.push({
        id: spec.id,
        text,
        chatId: place.chat.id,
        topicId: place.topicId,
        messageId,
        atMs: Date.now(),
      });
    },
    stop({ place: number, how }) {
      const place = placeOf(number);
      const noted = { chatId: place.chat.id, topicId: place.topicId, atMs: Date.now() };
      if (how !== "button") say(place, how);
      else if (!pressStop(place)) return;
      stops.push(noted);
    },
  };
}

/** @returns whether there was a button to press. */
function pressStop({ chat, topicId }: Place): boolean {
  const message = chat
    .botMessages()
    .findLast(
      ({ reply_markup, message_thread_id }) => reply_markup !== undefined && (message_thread_id ?? null) === topicId,
    );
  const button = message?.reply_markup?.inline_keyboard[0]?.[0];
  // Beneath an answer that came to nothing it is another one, which asks again.
  const isStop = button && "callback_data" in button && button.callback_data?.startsWith("stop:");
  if (!message || !isStop) return false;
  chat.press(message, button.text);
  return true;
}
