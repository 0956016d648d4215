/** What every case is given, and the figures of a reply that several cases share. */
import type { RecordedCall } from "../../../sandbox/telegram/world/call-log.ts";
import { rounded } from "../../report.ts";
import type { PlannedTurn, Question } from "../question.ts";
import type { Scene } from "../environment.ts";
import { findFaults, meanStaleness, stalenessOf } from "../staleness.ts";
import type { RunningSubject } from "../subject.ts";
import { plainTokens } from "../tokens.ts";

export interface CaseContext {
  readonly scene: Scene;
  readonly running: RunningSubject;
  readonly seed: string;
}

/** A case that a subject cannot do. */
export interface NotSupported {
  readonly notSupported: string;
}

/** The token stream that all cases share unless they say otherwise. */
export const TOKENS = 600;
export const TOKENS_PER_SECOND = 60;
/** One write a second, and half of the way there and back: 1/(2L) + d. */
export const FLOOR_MS = 540;

/** 600 tokens at 60 a second. */
export function usualTurn(seed: string, fields: Partial<PlannedTurn> = {}): PlannedTurn {
  return { tokens: plainTokens({ seed, count: TOKENS }), perSecond: TOKENS_PER_SECOND, ...fields };
}

/** Resolves when the model has handed over its token with this number (from 1). */
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

/** A subject that is held up may ask the model never: then the case goes on, and its figures show it. */
const TOKEN_LIMIT_MS = 30_000;

export interface ReplyFigures {
  meanStalenessMs: number;
  /** From the first token's hand-over to the first text shown. */
  firstTextMs: number | null;
  /** Accepted calls that count: sends, edits, drafts, typing. */
  writes: number;
  /** Calls answered with 429. */
  refused: number;
  lost: number;
  doubled: number;
  isInOrder: boolean;
}

/** The figures of a reply that is complete, or that was given up on. */
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

/** Whether the call shows text and was carried out. */
export function isAcceptedWrite(call: RecordedCall): boolean {
  return isCounted(call) && call.method !== "sendChatAction" && call.outcome?.kind === "ok";
}
