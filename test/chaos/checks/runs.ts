/** Checks runs: each has ended with an explainable status, runs of a thread never overlap, and none is taken over without cause. */
import { type Answered, type IndexedRecording, ownerAt, type Violation } from "../indexed-recording.ts";
import type { RunChange } from "../recording.ts";

/** How long a disturbance may have effects, such as lost connections and expired leases. */
const AFTER_EFFECT_MS = 20_000;
/** Tolerance for a call in flight while another process claims the run. */
const IN_FLIGHT_MS = 1_000;
const MAX_ATTEMPTS = 3;

export function checkRuns(indexed: IndexedRecording): Violation[] {
  return [
    ...indexed.answered.flatMap((answered) => [...checkEnd(answered, indexed)]),
    ...indexed.answered.flatMap((answered) => [...checkClaims(answered, indexed)]),
    ...checkOverlap(indexed),
    ...checkModelCallers(indexed),
  ];
}

function* checkEnd(answered: Answered, indexed: IndexedRecording): Generator<Violation> {
  const { run, subject, claims } = answered;
  const facts = `${run.status} ${run.errorCode ?? ""} after ${claims.length} claims`;
  if (run.status === "queued" || run.status === "in_progress" || run.status === "requires_action") {
    yield { check: "run-not-ended", subject, detail: facts };
  }
  if (run.status === "cancelled" && !wasStopped(answered, indexed)) {
    yield { check: "cancelled-without-cause", subject, detail: facts };
  }
  if ((run.status === "failed" || run.status === "incomplete") && !mayHaveFailed(answered, indexed)) {
    yield { check: "failed-without-cause", subject, detail: facts };
  }
}

function wasStopped({ question }: Answered, { recording }: IndexedRecording): boolean {
  return recording.stops.some(
    ({ chatId, topicId, atMs }) => chatId === question.chatId && topicId === question.topicId && atMs >= question.atMs,
  );
}

/** The model failed or was unreachable, or the run was interrupted too often. */
function mayHaveFailed({ question, run, claims, changes }: Answered, { recording }: IndexedRecording): boolean {
  const fromMs = claims[0]?.atMs ?? 0;
  const untilMs = changes.at(-1)?.atMs ?? 0;
  // A clean handover does not count as an attempt.
  if (run.errorCode === "TOO_MANY_ATTEMPTS") return claims.length - run.handovers > MAX_ATTEMPTS;
  if (!run.errorCode?.startsWith("MODEL_")) return false;
  if (recording.modelRequests.some(({ questionId, fault }) => questionId === question.id && fault !== null))
    return true;
  const slots = new Set(claims.map(({ slot }) => slot));
  return recording.disturbances.some(
    (disturbance) =>
      slots.has(disturbance.slot) &&
      (disturbance.link === "model" || disturbance.kind === "freeze") &&
      disturbance.fromMs <= untilMs &&
      disturbance.untilMs >= fromMs - AFTER_EFFECT_MS,
  );
}

/** A run may be claimed again only if its previous process was disturbed. */
function* checkClaims({ claims, subject }: Answered, { wasDisturbed }: IndexedRecording): Generator<Violation> {
  for (const [index, claim] of claims.entries()) {
    const before = claims[index - 1];
    if (!before || wasDisturbed(before.slot, before.atMs - AFTER_EFFECT_MS, claim.atMs)) continue;
    const detail = `attempt ${claim.attempt} by ${claim.slot} ${Math.round(claim.atMs - before.atMs)} ms after the claim by ${before.slot}, which was not disturbed`;
    yield { check: "claimed-without-cause", subject, detail };
  }
}

function* checkOverlap({ answered }: IndexedRecording): Generator<Violation> {
  for (const thread of Map.groupBy(answered, ({ run }) => run.threadId).values()) {
    const inOrder = thread.toSorted((one, other) => one.run.position - other.run.position);
    let before: { subject: string; endMs: number } | undefined;
    for (const { claims, changes, subject } of inOrder) {
      const first = claims[0];
      if (!first) continue;
      if (before && first.atMs < before.endMs) {
        const detail = `started ${Math.round(before.endMs - first.atMs)} ms before ${before.subject} ended`;
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

/** No process requests the model for a run that another has claimed before the request may have begun. */
function* checkModelCallers({ byQuestion, recording }: IndexedRecording): Generator<Violation> {
  for (const { questionId, slot, startedAtMs, atMs, round } of recording.modelRequests) {
    const answered = byQuestion.get(questionId);
    if (!answered || ownerAt(answered, startedAtMs)?.slot === slot) continue;
    const owner = ownerAt(answered, atMs);
    if (!owner || owner.slot === slot || atMs - owner.sinceMs < IN_FLIGHT_MS) continue;
    const detail = `${slot} requested round ${round} ${Math.round(atMs - owner.sinceMs)} ms after ${owner.slot} had claimed the run`;
    yield { check: "runs-overlap", subject: `q${questionId}`, detail };
  }
}
