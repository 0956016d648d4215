/** The bot's own messages, as opposed to the model's answers. */
import { textsIn } from "../../../src/bot/texts.ts";
import { normalizeSpace } from "../answers.ts";

/** Whether a text in the chat is a message of the bot itself. */
export function isSystemMessage(text: string): boolean {
  return SYSTEM_MESSAGES.has(normalizeSpace(text));
}

const texts = textsIn("en");
const SYSTEM_MESSAGES = new Set(
  [
    texts.newThread,
    texts.alreadyNew,
    texts.stopped,
    texts.stopping,
    texts.nothingToStop,
    ...Object.values(texts.faults),
  ].map(normalizeSpace),
);
