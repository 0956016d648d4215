/**
 * The auditor: finds rule violations in a recording, counts events, and measures takeovers.
 *
 * It knows the rules, not how the product implements them.
 */
import { checkDelivery } from "./checks/delivery.ts";
import { checkIntake } from "./checks/intake.ts";
import { checkRounds } from "./checks/rounds.ts";
import { checkRuns } from "./checks/runs.ts";
import { checkTelegramCalls } from "./checks/telegram-calls.ts";
import { indexRecording, type Violation } from "./indexed-recording.ts";
import type { Recording } from "./recording.ts";
import { findTakeovers, type Takeover } from "./takeovers.ts";

export interface Audit {
  readonly violations: readonly Violation[];
  /** Questions without a message, without an ended run, or with an incomplete reply in the chat. */
  readonly lost: number;
  /** Messages that were sent twice because the product could not know that the first had arrived. */
  readonly duplicates: number;
  readonly takeovers: readonly Takeover[];
  /** Claims of runs that had already been started, for any reason. */
  readonly repeatedClaims: number;
  readonly refused429: number;
  readonly unawareInWindow: number;
  /** Model requests for a round that had already been requested: the cost of takeovers and retries. */
  readonly repeatedModelRequests: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export function audit(recording: Recording): Audit {
  const indexed = indexRecording(recording);
  const intake = checkIntake(indexed);
  const runs = checkRuns(indexed);
  const delivery = checkDelivery(indexed);
  const telegramCalls = checkTelegramCalls(indexed);
  const lostSubjects = [...intake, ...runs].filter(
    ({ check }) => check === "message-lost" || check === "run-not-ended",
  );
  const { answered } = indexed;
  return {
    violations: [
      ...intake,
      ...runs,
      ...checkRounds(indexed),
      ...delivery.violations,
      ...telegramCalls.violations,
      ...checkCompletion(recording),
    ],
    lost: lostSubjects.length + delivery.lost,
    duplicates: delivery.duplicates,
    takeovers: findTakeovers(indexed),
    repeatedClaims: answered.reduce((sum, { claims }) => sum + Math.max(0, claims.length - 1), 0),
    refused429: telegramCalls.refused,
    unawareInWindow: telegramCalls.unawareInWindow,
    repeatedModelRequests:
      recording.modelRequests.length -
      new Set(recording.modelRequests.map(({ questionId, round }) => `${questionId} ${round}`)).size,
    outcomes: countBy(answered.map(({ run }) => (run.errorCode ? `${run.status} ${run.errorCode}` : run.status))),
  };
}

function checkCompletion({ crashes, timeoutReason }: Recording): Violation[] {
  return [
    ...crashes.map((detail) => ({ check: "process-crashed", subject: "process", detail })),
    ...(timeoutReason === null ? [] : [{ check: "not-finished", subject: "scenario", detail: timeoutReason }]),
  ];
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
