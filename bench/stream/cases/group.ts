/** Case "group": one reply in a group with its limit of 20 calls per minute, then further questions for two minutes. */
import { rounded } from "../../report.ts";
import type { Question } from "../question.ts";
import { meanStaleness } from "../staleness.ts";
import { type CaseContext, figuresOf, isCounted, type ReplyFigures, usualTurn } from "./case.ts";

export interface GroupResult {
  /** The first reply, in an idle group. */
  first: ReplyFigures;
  /** Of every reply, in order. For the later ones, a part of the minute's limit is already used. */
  meanStalenessMs: number[];
  /** The maximum number of calls in any 60 s, including refused ones. Telegram allows 20. */
  mostCallsInAMinute: number;
  refused: number;
  lost: number;
  /** Whether each question was answered completely in time. */
  isComplete: boolean;
}

const ASKING_MS = 120_000;
const REPLY_LIMIT_MS = 60_000;

/** Measures the first reply, while nothing else runs. @returns a function that asks the further questions. */
export async function groupCase({ environment, seed }: CaseContext): Promise<() => Promise<GroupResult>> {
  const chat = environment.group();
  const ask = (index: number) => environment.ask(chat, [usualTurn(`${seed} group ${index}`)]);
  const startedAt = environment.now();
  const first = ask(0);
  const isFirstComplete = await environment.waitUntilComplete(first, REPLY_LIMIT_MS);
  const firstFigures = figuresOf(first);

  return async () => {
    const questions: Question[] = [first];
    let isComplete = isFirstComplete;
    while (isComplete && environment.now() < startedAt + ASKING_MS) {
      const question = ask(questions.length);
      questions.push(question);
      isComplete = await environment.waitUntilComplete(question, REPLY_LIMIT_MS);
    }
    const { refused, lost } = figuresOf(questions.at(-1) ?? first);
    return {
      first: firstFigures,
      meanStalenessMs: questions.map((question) => rounded(meanStaleness(question))),
      mostCallsInAMinute: mostInWindow(first.calls.filter(isCounted).map((call) => call.startedAtMs)),
      refused,
      lost,
      isComplete,
    };
  };
}

/** The maximum number of these times within any 60 s. */
function mostInWindow(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((atMs) => atMs >= from && atMs < from + 60_000).length));
}
