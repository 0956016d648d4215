/** Case "429": a chat is frozen for 3, 8 and 40 s, in the middle and near the end of the text. */
import { setTimeout as pause } from "node:timers/promises";
import { rounded } from "../../report.ts";
import type { Question } from "../question.ts";
import { findFaults } from "../staleness.ts";
import { type CaseContext, usualTurn } from "./case.ts";

export interface FreezeResult {
  seconds: number;
  /** The freeze starts when this token (from 1) is sent. */
  atToken: number;
  lost: number;
  doubled: number;
  /** Calls during a freeze that a 429 had announced. */
  insideWindow: number;
  /** Time from the announced end of the freeze, or from the last token if later, to the final write; null if there was none. */
  finalAfterWindowMs: number | null;
}

const SECONDS = [3, 8, 40];
const AT_TOKENS = [300, 598];
const REPLY_LIMIT_MS = 75_000;
/** Delay between questions: several refused chats within a second would look like the limit over all chats. */
const BETWEEN_MS = 2_200;

export function tooManyRequestsCase(context: CaseContext): Promise<FreezeResult[]> {
  const kinds = SECONDS.flatMap((seconds) => AT_TOKENS.map((atToken) => ({ seconds, atToken })));
  return Promise.all(
    kinds.map(async (kind, index) => {
      await pause(index * BETWEEN_MS);
      return freezeOne(context, kind);
    }),
  );
}

async function freezeOne(
  { environment, seed }: CaseContext,
  { seconds, atToken }: { seconds: number; atToken: number },
): Promise<FreezeResult> {
  const chat = environment.privateChat();
  const question = environment.ask(chat, [usualTurn(`${seed} 429 ${seconds} ${atToken}`)]);
  question.onToken = (index) => {
    if (index === atToken - 1) environment.telegram.freeze(chat, seconds);
  };
  const isComplete = await environment.waitUntilComplete(question, seconds * 1_000 + REPLY_LIMIT_MS);
  const { lost, doubled } = findFaults(question);
  const since = Math.max(announcedFreezeEnd(question), question.tokenAt.at(-1) ?? 0);
  return {
    seconds,
    atToken,
    lost,
    doubled,
    insideWindow: chat.limitCounts().insideWindow,
    finalAfterWindowMs: isComplete ? rounded((question.completedAt ?? 0) - since) : null,
  };
}

/** The end of the freeze as announced by `retry_after` in whole seconds. A bot cannot know it more exactly. */
function announcedFreezeEnd({ calls }: Question): number {
  const ends = calls.map(({ outcome, endedAtMs = 0 }) => {
    const seconds = outcome?.kind === "refused" ? outcome.parameters?.retry_after : undefined;
    return seconds === undefined ? 0 : endedAtMs + seconds * 1_000;
  });
  return Math.max(0, ...ends);
}
