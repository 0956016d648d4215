/** Where a new message of the bot goes: may it be sent at all, into which topic, as a reply to what. */
import type { Message } from "@grammyjs/types";
import { badRequest, forbidden } from "../refusal.ts";
import type { ChatState, World } from "../world/world.ts";

/** Throws 403 when nothing of the bot gets into this chat. */
export function checkReach({ chat, reach }: ChatState): void {
  if (reach === "not-started") throw forbidden("bot can't initiate conversation with a user");
  if (reach === "blocked") throw forbidden("bot was blocked by the user");
  if (reach === "kicked") throw forbidden(`bot was kicked from the ${chat.type} chat`);
}

interface Placement {
  message_thread_id?: number | undefined;
  reply_parameters?:
    | { message_id: number; chat_id?: number | string | undefined; allow_sending_without_reply?: boolean | undefined }
    | undefined;
}

type Destination = Pick<Message, "message_thread_id" | "is_topic_message" | "reply_to_message">;

/** The fields that say where a message is. Throws 400 for a topic or a replied message that is not there. */
export function findDestination(world: World, state: ChatState, placement: Placement): Destination {
  const threadId = placement.message_thread_id;
  checkTopic(state, threadId);
  const replied = findReplied(world, state, placement);
  return { ...threadOf(state, threadId, replied), ...(replied && { reply_to_message: quoteOf(replied) }) };
}

/** Throws 400 when there is no such topic. "General" is reached without an id: Telegram refuses its id 1. */
export function checkTopic(state: ChatState, threadId: number | undefined): void {
  if (threadId !== undefined && !state.topics.has(threadId)) throw badRequest("message thread not found");
}

/** The thread fields of a message: the topic asked for, else that of the message it replies to. */
export function threadOf(state: ChatState, threadId: number | undefined, replied: Message | undefined) {
  const topicId = threadId ?? (replied?.is_topic_message ? replied.message_thread_id : undefined);
  if (topicId !== undefined) return { message_thread_id: topicId, is_topic_message: true };
  // A reply in a supergroup, "General" included, carries the id of its thread's first message, which is no topic.
  if (!replied || state.chat.type !== "supergroup") return {};
  return { message_thread_id: replied.message_thread_id ?? replied.message_id };
}

/** A message as it is shown above a reply: without what it replies to itself. */
export function quoteOf(message: Message): NonNullable<Message["reply_to_message"]> {
  const { reply_to_message: _deeper, ...shown } = message;
  // Its type asks for the field to be there as undefined, which JSON cannot say.
  return shown as NonNullable<Message["reply_to_message"]>;
}

function findReplied(world: World, state: ChatState, { reply_parameters }: Placement): Message | undefined {
  if (!reply_parameters) return undefined;
  if (reply_parameters.chat_id !== undefined && world.findChat(reply_parameters.chat_id) !== state) {
    throw badRequest("replies to another chat are not supported by the stand-in");
  }
  const replied = world.findMessage(state, reply_parameters.message_id);
  if (!replied && !reply_parameters.allow_sending_without_reply) throw badRequest("message to be replied not found");
  return replied;
}
