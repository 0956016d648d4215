/**
 * Case "group": one reply in a group of 20 calls a minute, then question after question until two minutes have passed.
 */
import { rounded } from "../../report.ts";
import type { Question } from "../question.ts";
import { meanStaleness } from "../staleness.ts";
import { type CaseContext, figuresOf, isCounted, type ReplyFigures, usualTurn } from "./case.ts";

export interface GroupResult {
  /** Of the first reply, in a group that was idle. */
  first: ReplyFigures;
  /** Of every reply, in order: the later ones find the minute half spent. */
  meanStalenessMs: number[];
  /** The most calls that arrived in any 60 s, refused ones included. Telegram allows 20. */
  mostCallsInAMinute: number;
  refused: number;
  lost: number;
  /** Whether each question was answered whole in its time. */
  isComplete: boolean;
}

const ASKING_MS = 120_000;
const REPLY_LIMIT_MS = 60_000;

/** The first reply, with nothing else going on; the rest is asked for with the function that is returned. */
export async function groupCase({ scene, seed }: CaseContext): Promise<() => Promise<GroupResult>> {
  const chat = scene.group();
  const ask = (index: number) => scene.ask(chat, [usualTurn(`${seed} group ${index}`)]);
  const startedAt = scene.now();
  const first = ask(0);
  const isFirstComplete = await scene.waitUntilComplete(first, REPLY_LIMIT_MS);
  const firstFigures = figuresOf(first);

  return async () => {
    const questions: Question[] = [first];
    let isComplete = isFirstComplete;
    while (isComplete && scene.now() < startedAt + ASKING_MS) {
      const question = ask(questions.length);
      questions.push(question);
      isComplete = await scene.waitUntilComplete(question, REPLY_LIMIT_MS);
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

/** The most of these times that lie in any 60 s. */
function mostInWindow(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((atMs) => atMs >= from && atMs < from + 60_000).length));
}
