/** The context of all cases, and figures of a reply that several cases share. */
import type { RecordedCall } from "../../../sandbox/telegram/world/call-log.ts";
import { rounded } from "../../report.ts";
import type { Environment } from "../environment.ts";
import type { PlannedTurn, Question } from "../question.ts";
import { findFaults, meanStaleness, stalenessOf } from "../staleness.ts";
import type { RunningSubject } from "../subject.ts";
import { plainTokens } from "../tokens.ts";

export interface CaseContext {
  readonly environment: Environment;
  readonly running: RunningSubject;
  readonly seed: string;
}

/** A case that a subject does not support. */
export interface NotSupported {
  readonly notSupported: string;
}

/** The default token stream of the cases. */
export const TOKENS = 600;
export const TOKENS_PER_SECOND = 60;
/** The minimum mean staleness: half of the interval of one write per second, and half of the round trip. */
export const FLOOR_MS = 540;

/** 600 tokens at 60 per second. */
export function usualTurn(seed: string, fields: Partial<PlannedTurn> = {}): PlannedTurn {
  return { tokens: plainTokens({ seed, count: TOKENS }), perSecond: TOKENS_PER_SECOND, ...fields };
}

/** Resolves when the model has sent the token with this number (from 1). */
export function tokenReached(question: Question, number: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, TOKEN_LIMIT_MS);
  question.onToken = (index) => {
    if (index !== number - 1) return;
    clearTimeout(timer);
    resolve();
  };
  return promise;
}

/** A delayed subject may never send its model request. Then the case continues, and its figures show that. */
const TOKEN_LIMIT_MS = 30_000;

export interface ReplyFigures {
  meanStalenessMs: number;
  /** Time from sending the first token to the first shown text. */
  firstTextMs: number | null;
  /** Accepted calls that count against limits: sends, edits, drafts, chat actions. */
  writes: number;
  /** Calls answered with 429. */
  refused: number;
  lost: number;
  doubled: number;
  isInOrder: boolean;
}

/** The figures of a reply that is complete or has timed out. */
export function figuresOf(question: Question): ReplyFigures {
  const { accepted, refused } = question.chat.limitCounts();
  const first = stalenessOf(question)[0] ?? null;
  return {
    meanStalenessMs: rounded(meanStaleness(question)),
    firstTextMs: first === null ? null : rounded(first),
    writes: accepted,
    refused,
    ...findFaults(question),
  };
}

/** Calls that count against a chat's limits. */
export function isCounted({ method }: RecordedCall): boolean {
  return COUNTED_METHODS.has(method);
}

const COUNTED_METHODS: ReadonlySet<string> = new Set([
  "sendMessage",
  "editMessageText",
  "editMessageReplyMarkup",
  "sendChatAction",
  "sendRichMessage",
  "sendMessageDraft",
  "sendRichMessageDraft",
]);

/** Whether the call shows text and was successful. */
export function isAcceptedWrite(call: RecordedCall): boolean {
  return isCounted(call) && call.method !== "sendChatAction" && call.outcome?.kind === "ok";
}
