/**
 * The auditor: reads a recording and says what must not be, what was counted, and how long takeovers took.
 *
 * It knows the rules and nothing of how the product keeps them.
 */
import { checkDelivery } from "./checks/delivery.ts";
import { checkIntake } from "./checks/intake.ts";
import { checkManners } from "./checks/telegram-calls.ts";
import { checkRounds } from "./checks/rounds.ts";
import { checkRuns } from "./checks/runs.ts";
import { createFindings, type Violation } from "./indexed-recording.ts";
import type { Recording } from "./recording.ts";
import { findTakeovers, type Takeover } from "./takeovers.ts";

export interface Audit {
  readonly violations: readonly Violation[];
  /** Questions without a message, without an ended run, or whose reply is not complete in the chat. */
  readonly lost: number;
  /** Messages that stand twice because nobody could know that they had been sent. */
  readonly doubled: number;
  readonly takeovers: readonly Takeover[];
  /** Claims of runs that had been begun before, whatever the reason. */
  readonly claimsAgain: number;
  readonly refused429: number;
  readonly unknowingInWindow: number;
  /** Model requests for a round that had been asked for before: the price of takeovers and retries. */
  readonly repeatedModelRequests: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export function audit(recording: Recording): Audit {
  const findings = createFindings(recording);
  const intake = checkIntake(findings);
  const runs = checkRuns(findings);
  const delivery = checkDelivery(findings);
  const manners = checkManners(findings);
  const lostSubjects = [...intake, ...runs].filter(
    ({ check }) => check === "message-lost" || check === "run-not-ended",
  );
  const { answered } = findings;
  return {
    violations: [
      ...intake,
      ...runs,
      ...checkRounds(findings),
      ...delivery.violations,
      ...manners.violations,
      ...checkWhole(recording),
    ],
    lost: lostSubjects.length + delivery.lost,
    doubled: delivery.doubled,
    takeovers: findTakeovers(findings),
    claimsAgain: answered.reduce((sum, { claims }) => sum + Math.max(0, claims.length - 1), 0),
    refused429: manners.refused,
    unknowingInWindow: manners.unknowingInWindow,
    repeatedModelRequests:
      recording.modelAsked.length -
      new Set(recording.modelAsked.map((asked) => `${asked.questionId} ${asked.round}`)).size,
    outcomes: countBy(answered.map(({ run }) => (run.errorCode ? `${run.status} ${run.errorCode}` : run.status))),
  };
}

function checkWhole({ crashes, gaveUpBecause }: Recording): Violation[] {
  return [
    ...crashes.map((detail) => ({ check: "process-ended", subject: "process", detail })),
    ...(gaveUpBecause === null ? [] : [{ check: "not-at-rest", subject: "driver", detail: gaveUpBecause }]),
  ];
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
