/** The destination of a message: whether the bot may write there, the topic, and the message it replies to. */
import type { Message } from "@grammyjs/types";
import { badRequest, forbidden } from "../refusal.ts";
import type { ChatState, World } from "../world/world.ts";

/** Throws 403 when the bot cannot write to this chat. */
export function checkBotAccess({ chat, botAccess }: ChatState): void {
  if (botAccess === "not-started") throw forbidden("bot can't initiate conversation with a user");
  if (botAccess === "blocked") throw forbidden("bot was blocked by the user");
  if (botAccess === "kicked") throw forbidden(`bot was kicked from the ${chat.type} chat`);
}

interface Placement {
  message_thread_id?: number | undefined;
  reply_parameters?:
    | { message_id: number; chat_id?: number | string | undefined; allow_sending_without_reply?: boolean | undefined }
    | undefined;
}

type Destination = Pick<Message, "message_thread_id" | "is_topic_message" | "reply_to_message">;

/** The topic and reply fields of a message. Throws 400 for an unknown topic or replied message. */
export function findDestination(world: World, state: ChatState, placement: Placement): Destination {
  const threadId = placement.message_thread_id;
  checkTopic(world, state, threadId);
  const replied = findReplied(world, state, placement);
  return { ...threadFields(state, threadId, replied), ...(replied && { reply_to_message: repliedMessage(replied) }) };
}

/** Throws 400 for an unknown or closed topic. "General" is addressed without an id: Telegram refuses its id 1. */
export function checkTopic({ bot }: World, state: ChatState, threadId: number | undefined): void {
  if (threadId === undefined) return;
  if (!state.topics.has(threadId)) throw badRequest("message thread not found");
  if (state.closedTopicIds.has(threadId) && !state.administratorIds.has(bot.id)) throw badRequest("TOPIC_CLOSED");
}

/** The thread fields of a message: the requested topic, or else the topic of the message it replies to. */
export function threadFields(state: ChatState, threadId: number | undefined, replied: Message | undefined) {
  const topicId = threadId ?? (replied?.is_topic_message ? replied.message_thread_id : undefined);
  if (topicId !== undefined) return { message_thread_id: topicId, is_topic_message: true };
  // A reply in a supergroup, including "General", has the id of the first message of its reply thread. That is not a topic.
  if (!replied || state.chat.type !== "supergroup") return {};
  return { message_thread_id: replied.message_thread_id ?? replied.message_id };
}

/** A message in the form of `reply_to_message`: without its own `reply_to_message`. */
export function repliedMessage(message: Message): NonNullable<Message["reply_to_message"]> {
  const { reply_to_message: _nested, ...fields } = message;
  // The type requires the field as undefined, which JSON cannot express.
  return fields as NonNullable<Message["reply_to_message"]>;
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
