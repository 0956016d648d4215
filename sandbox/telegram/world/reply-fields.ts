/** What Telegram adds to a person's message that replies to another one, in the same chat and topic or elsewhere. */
import type { ExternalReplyInfo, Message, TextQuote } from "@grammyjs/types";
import { repliedMessage } from "../methods/destination.ts";
import { UserActionError } from "./user-action-error.ts";

type ReplyFields = Pick<Message, "external_reply" | "reply_to_message" | "quote">;

interface Reply {
  /** The message to reply to; in a topic without one, its head. */
  replied: Message | undefined;
  isElsewhere: boolean;
  /** The head of the topic that the message is in. */
  topicHead: Message | undefined;
  /** The part of the text that the person selected. */
  selected: string | undefined;
}

/** Characters of a quote. Source: core.telegram.org/bots/api#replyparameters. */
const MAX_QUOTE_CHARACTERS = 1_024;

/** Throws if the person could not select this part. */
export function replyFields({ replied, isElsewhere, topicHead, selected }: Reply): ReplyFields {
  if (!replied) {
    if (selected !== undefined) throw new UserActionError("only a reply can quote: set `replyTo`");
    return topicHead ? { reply_to_message: repliedMessage(topicHead) } : {};
  }
  const quote = selected === undefined ? undefined : selectedQuote(replied, selected);
  if (!isElsewhere) return { reply_to_message: repliedMessage(replied), ...(quote && { quote }) };
  return {
    ...(topicHead && { reply_to_message: repliedMessage(topicHead) }),
    external_reply: externalReply(replied),
    ...(quote ? { quote } : automaticQuote(replied)),
  };
}

function selectedQuote(replied: Message, selected: string): TextQuote {
  const position = textOf(replied).indexOf(selected);
  if (position < 0 || selected === "") throw new UserActionError(`message ${replied.message_id} has no "${selected}"`);
  if (selected.length > MAX_QUOTE_CHARACTERS) throw new UserActionError("a quote has at most 1,024 characters");
  return { text: selected, position, is_manual: true };
}

/** Telegram's server quotes the beginning of a message in another chat or topic itself. */
function automaticQuote(replied: Message): { quote?: TextQuote } {
  const text = textOf(replied).slice(0, MAX_QUOTE_CHARACTERS);
  return text === "" ? {} : { quote: { text, position: 0 } };
}

function externalReply({ chat, date, from, message_id }: Message): ExternalReplyInfo {
  if (!from) throw new UserActionError("the stand-in knows replies elsewhere only to messages with an author");
  return {
    origin: { type: "user", sender_user: from, date },
    ...(chat.type === "supergroup" && { chat, message_id }),
  };
}

function textOf({ text, caption }: Message): string {
  return text ?? caption ?? "";
}
