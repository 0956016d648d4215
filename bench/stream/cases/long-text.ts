/** Case "long": 9,600 and 40,000 characters of Markdown. */
import { splitIntoTokens } from "../../../sandbox/model/tokens.ts";
import { markdownText } from "../markdown-text.ts";
import type { Question } from "../question.ts";
import { findFaults, replyMessages, visibleText } from "../staleness.ts";
import type { CaseContext } from "./case.ts";

export interface LongTextResult {
  /** Length of the Markdown. */
  characters: number;
  isComplete: boolean;
  messages: number;
  /** The minimum number of messages for the shown text; one for rich messages. */
  fewestMessages: number;
  lost: number;
  doubled: number;
  isInOrder: boolean;
  /** Edits of a message after a later one of the reply was sent. */
  editsOfFinished: number;
  /** Calls answered with an error other than 429. */
  refused: number;
  /** Calls answered with 429. */
  refused429: number;
}

const LENGTHS = [9_600, 40_000];
/** Faster than in other cases, so that the long text takes half a minute. */
const PIECES_PER_SECOND = 240;
const LIMIT_MS = 120_000;
const MESSAGE_LIMIT = 4_096;

export function longTextCase(context: CaseContext): Promise<LongTextResult[]> {
  return Promise.all(LENGTHS.map((length) => writeOne(context, length)));
}

async function writeOne({ environment, seed }: CaseContext, length: number): Promise<LongTextResult> {
  const text = markdownText(`${seed} long ${length}`, length);
  const chat = environment.privateChat();
  const question = environment.ask(chat, [{ tokens: splitIntoTokens(text), perSecond: PIECES_PER_SECOND }]);
  const isComplete = await environment.waitUntilComplete(question, LIMIT_MS);
  const messages = replyMessages(question);
  const codes = question.calls.flatMap(({ outcome }) => (outcome?.kind === "refused" ? [outcome.errorCode] : []));
  return {
    characters: text.length,
    isComplete,
    messages: messages.length,
    fewestMessages: Math.ceil(visibleText(messages).length / MESSAGE_LIMIT),
    ...findFaults(question),
    editsOfFinished: countEditsOfFinished(question),
    refused: codes.filter((code) => code !== 429).length,
    refused429: codes.filter((code) => code === 429).length,
  };
}

function countEditsOfFinished({ chat, messageId }: Question): number {
  let newest = messageId;
  let edits = 0;
  for (const change of chat.history) {
    if (change.kind === "message-new" && change.message.from?.is_bot) newest = change.message.message_id;
    if (change.kind === "message-edit" && change.message.message_id < newest) edits += 1;
  }
  return edits;
}
