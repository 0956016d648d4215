/** Case "crowd": 200 concurrent chats with Telegram's limit of 30 calls per second. Needs an environment of its own. */
import { rounded } from "../../report.ts";
import { LATENCY_MS } from "../environment.ts";
import { idealStaleness } from "../ideal-schedule.ts";
import type { Question } from "../question.ts";
import { findFaults, meanStaleness } from "../staleness.ts";
import { type CaseContext, isAcceptedWrite, usualTurn } from "./case.ts";

export interface CrowdResult {
  chats: number;
  /** Calls answered with 429. */
  refused: number;
  incomplete: number;
  lost: number;
  /** Time from the questions, all sent at once, to the last model request; null if some questions had no request. */
  lastAskedMs: number | null;
  meanStalenessMs: number;
  /** The mean staleness of the ideal schedule at 30 writes per second, for the same tokens. */
  idealStalenessMs: number;
  /** The worst chat's mean divided by the overall mean; also for the ideal schedule. */
  worstOverMean: number;
  idealWorstOverMean: number;
  /** First and final writes that waited while an interim edit of another chat was sent. */
  overtakenStarts: number;
  overtakenFinals: number;
}

const CHATS = 200;
const LIMIT_MS = 45_000;
const ONE_WAY_MS = LATENCY_MS / 2;
const CHAT_INTERVAL_MS = 1_000;
/** The normal delay of a write: its latency and, for a final write, the end of the run. */
const TOLERANCE_MS = ONE_WAY_MS + 200;

export async function crowdCase({ environment, seed }: CaseContext): Promise<CrowdResult> {
  const asked = Array.from({ length: CHATS }, (_, index) =>
    environment.ask(environment.privateChat(), [usualTurn(`${seed} crowd ${index}`)]),
  );
  const complete = await Promise.all(asked.map((question) => environment.waitUntilComplete(question, LIMIT_MS)));
  const means = asked.map(meanStaleness).filter(Number.isFinite);
  const mean = meanOf(means);
  const times = asked.map(({ tokenAt }) => tokenAt).filter(({ length }) => length > 0);
  const rules = { writesPerSecond: 30, chatIntervalMs: CHAT_INTERVAL_MS, oneWayMs: ONE_WAY_MS };
  const ideal = idealStaleness(times, rules);
  return {
    chats: CHATS,
    refused: environment.telegram.limitCounts().refused,
    incomplete: complete.filter((isComplete) => !isComplete).length,
    lastAskedMs: lastAsked(asked),
    lost: asked.reduce((sum, question) => sum + findFaults(question).lost, 0),
    meanStalenessMs: rounded(mean),
    idealStalenessMs: rounded(meanOf(ideal)),
    worstOverMean: rounded2(Math.max(...means) / mean),
    idealWorstOverMean: rounded2(Math.max(...ideal) / meanOf(ideal)),
    ...countOvertaken(asked),
  };
}

function lastAsked(asked: readonly Question[]): number | null {
  const waits = asked.map(({ requests, askedAt }) => (requests[0]?.atMs ?? Number.POSITIVE_INFINITY) - askedAt);
  const longest = Math.max(...waits);
  return Number.isFinite(longest) ? rounded(longest) : null;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

interface Writes {
  question: Question;
  /** The arrival times of its accepted writes. */
  arrivals: number[];
}

function countOvertaken(asked: readonly Question[]): Pick<CrowdResult, "overtakenStarts" | "overtakenFinals"> {
  const all = asked.map(
    (question): Writes => ({
      question,
      arrivals: question.calls.filter(isAcceptedWrite).map(({ startedAtMs }) => startedAtMs),
    }),
  );
  // Interim: neither the first nor the last write of its chat.
  const interim = all.flatMap(({ arrivals }) => arrivals.slice(1, -1)).sort((a, b) => a - b);
  const isOvertaken = (dueMs: number, arrivedMs: number) =>
    interim.some((atMs) => atMs > dueMs + TOLERANCE_MS && atMs < arrivedMs);
  const starts = all.filter(({ question, arrivals: [first = 0] }) =>
    isOvertaken(question.tokenAt[0] ?? Number.POSITIVE_INFINITY, first),
  );
  const finals = all.filter(({ question, arrivals }) => {
    const [before = 0, last = 0] = arrivals.slice(-2);
    // A final write may have to wait for the limit of its own chat, which other chats do not cause.
    return isOvertaken(Math.max(question.tokenAt.at(-1) ?? 0, before - ONE_WAY_MS + CHAT_INTERVAL_MS), last);
  });
  return { overtakenStarts: starts.length, overtakenFinals: finals.length };
}

function rounded2(value: number): number {
  return Math.round(value * 100) / 100;
}
