/** Runs: each has ended, in a way that something explains; those of a thread never overlap, and none is taken without cause. */
import { type Answered, type Findings, ownerAt, type Violation } from "../indexed-recording.ts";
import type { RunChange } from "../recording.ts";

/** What was done to a process may show so much later: connections are missed, leases run out. */
const AFTER_EFFECT_MS = 20_000;
/** A call that was on its way when the run was claimed elsewhere. */
const ON_ITS_WAY_MS = 1_000;
const MAX_ATTEMPTS = 3;

export function checkRuns(findings: Findings): Violation[] {
  return [
    ...findings.answered.flatMap((answered) => [...checkEnd(answered, findings)]),
    ...findings.answered.flatMap((answered) => [...checkClaims(answered, findings)]),
    ...checkOverlap(findings),
    ...checkStrangers(findings),
  ];
}

function* checkEnd(answered: Answered, findings: Findings): Generator<Violation> {
  const { run, subject, claims } = answered;
  const facts = `${run.status} ${run.errorCode ?? ""} after ${claims.length} claims`;
  if (run.status === "queued" || run.status === "in_progress" || run.status === "requires_action") {
    yield { check: "run-not-ended", subject, detail: facts };
  }
  if (run.status === "cancelled" && !wasStopped(answered, findings)) {
    yield { check: "cancelled-without-cause", subject, detail: facts };
  }
  if ((run.status === "failed" || run.status === "incomplete") && !mayHaveFailed(answered, findings)) {
    yield { check: "failed-without-cause", subject, detail: facts };
  }
}

function wasStopped({ question }: Answered, { recording }: Findings): boolean {
  return recording.stops.some(
    ({ chatId, topicId, atMs }) => chatId === question.chatId && topicId === question.topicId && atMs >= question.atMs,
  );
}

/** The model failed, or could not be reached, or the run was interrupted too often. */
function mayHaveFailed({ question, run, claims, changes }: Answered, { recording }: Findings): boolean {
  const fromMs = claims[0]?.atMs ?? 0;
  const untilMs = changes.at(-1)?.atMs ?? 0;
  // A handover counts as no attempt.
  if (run.errorCode === "TOO_MANY_ATTEMPTS") return claims.length - run.handovers > MAX_ATTEMPTS;
  if (!run.errorCode?.startsWith("MODEL_")) return false;
  if (recording.modelAsked.some(({ questionId, fault }) => questionId === question.id && fault !== null)) return true;
  const slots = new Set(claims.map(({ slot }) => slot));
  return recording.disturbances.some(
    (done) =>
      slots.has(done.slot) &&
      (done.border === "model" || done.kind === "freeze") &&
      done.fromMs <= untilMs &&
      done.untilMs >= fromMs - AFTER_EFFECT_MS,
  );
}

/** A run that goes on is claimed again only when something was done to the process that had it. */
function* checkClaims({ claims, subject }: Answered, { wasDisturbed }: Findings): Generator<Violation> {
  for (const [index, claim] of claims.entries()) {
    const before = claims[index - 1];
    if (!before || wasDisturbed(before.slot, before.atMs - AFTER_EFFECT_MS, claim.atMs)) continue;
    const detail = `attempt ${claim.attempt} by ${claim.slot} ${Math.round(claim.atMs - before.atMs)} ms after ${before.slot}'s claim, which nothing had disturbed`;
    yield { check: "claimed-without-cause", subject, detail };
  }
}

function* checkOverlap({ answered }: Findings): Generator<Violation> {
  for (const thread of Map.groupBy(answered, ({ run }) => run.threadId).values()) {
    const inOrder = thread.toSorted((one, other) => one.run.position - other.run.position);
    let before: { subject: string; endMs: number } | undefined;
    for (const { claims, changes, subject } of inOrder) {
      const first = claims[0];
      if (!first) continue;
      if (before && first.atMs < before.endMs) {
        const detail = `begun ${Math.round(before.endMs - first.atMs)} ms before ${before.subject} ended`;
        yield { check: "runs-overlap", subject, detail };
      }
      before = { subject, endMs: endOf(changes) };
    }
  }
}

function endOf(changes: readonly RunChange[]): number {
  const end = changes.find(({ status }) => !["queued", "in_progress", "requires_action"].includes(status));
  return end?.atMs ?? Number.POSITIVE_INFINITY;
}

/** Nobody asks the model for a run that another has claimed meanwhile. */
function* checkStrangers({ byQuestion, recording }: Findings): Generator<Violation> {
  for (const { questionId, slot, atMs, round } of recording.modelAsked) {
    const answered = byQuestion.get(questionId);
    if (!answered) continue;
    const owner = ownerAt(answered, atMs);
    if (!owner || owner.slot === slot || atMs - owner.sinceMs < ON_ITS_WAY_MS) continue;
    const detail = `${slot} asked the model for round ${round} ${Math.round(atMs - owner.sinceMs)} ms after ${owner.slot} had taken the run`;
    yield { check: "runs-overlap", subject: `q${questionId}`, detail };
  }
}
