/**
 * Case "429": a chat is frozen for 3, 8 and 40 s, in the middle of the text and at the very end of it.
 */
import { setTimeout as pause } from "node:timers/promises";
import { rounded } from "../../report.ts";
import type { Question } from "../question.ts";
import { findFaults } from "../staleness.ts";
import { type CaseContext, usualTurn } from "./case.ts";

export interface FreezeResult {
  seconds: number;
  /** The freeze begins when this token (from 1) is handed over. */
  atToken: number;
  lost: number;
  doubled: number;
  /** Calls made in a window that a 429 had told of. */
  insideWindow: number;
  /**
   * From the end of the window that the last 429 told of (or from the last token, where that is later) to the write that
   * completed the reply; null when none did.
   */
  finalAfterWindowMs: number | null;
}

const SECONDS = [3, 8, 40];
const AT_TOKENS = [300, 598];
const REPLY_LIMIT_MS = 75_000;
/** Pause between the questions: several chats refused in one second would look like the limit over all of them. */
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
  { scene, seed }: CaseContext,
  { seconds, atToken }: { seconds: number; atToken: number },
): Promise<FreezeResult> {
  const chat = scene.privateChat();
  const question = scene.ask(chat, [usualTurn(`${seed} 429 ${seconds} ${atToken}`)]);
  question.onToken = (index) => {
    if (index === atToken - 1) scene.telegram.freeze(chat, seconds);
  };
  const isComplete = await scene.waitUntilComplete(question, seconds * 1_000 + REPLY_LIMIT_MS);
  const { lost, doubled } = findFaults(question);
  const since = Math.max(toldWindowEnd(question), question.tokenAt.at(-1) ?? 0);
  return {
    seconds,
    atToken,
    lost,
    doubled,
    insideWindow: chat.limitCounts().insideWindow,
    finalAfterWindowMs: isComplete ? rounded((question.completedAt ?? 0) - since) : null,
  };
}

/** Telegram speaks in whole seconds: what it told of is what a bot can know of the window. */
function toldWindowEnd({ calls }: Question): number {
  const told = calls.map(({ outcome, endedAtMs = 0 }) => {
    const seconds = outcome?.kind === "refused" ? outcome.parameters?.retry_after : undefined;
    return seconds === undefined ? 0 : endedAtMs + seconds * 1_000;
  });
  return Math.max(0, ...told);
}
