/** What the bot itself says, beside what the model says. */
import { textsIn } from "../../../src/bot/texts.ts";
import { withoutLayout } from "../answers.ts";

/** Whether a text of the chat is one sentence of the bot's own. */
export function isOwnSentence(text: string): boolean {
  return SENTENCES.has(withoutLayout(text));
}

const texts = textsIn("en");
const SENTENCES = new Set(
  [
    texts.newThread,
    texts.alreadyNew,
    texts.stopped,
    texts.stopping,
    texts.nothingToStop,
    ...Object.values(texts.faults),
  ].map(withoutLayout),
);
