/** What happened around one question, in order and in words: the evidence that goes with a violation. */
import type { Answered, Findings } from "./indexed-recording.ts";
import type { Disturbance } from "./recording.ts";

interface Event {
  atMs: number;
  what: string;
}

/** What was done shortly before the question matters too: its effects last. */
const BEFORE_MS = 20_000;

/** Lines such as "+1.234 a sendMessage ok 17"; empty for a question that was never taken in. */
export function describeTimeline({ byQuestion, recording }: Findings, questionId: number): string[] {
  const answered = byQuestion.get(questionId);
  if (!answered) return [];
  const startMs = answered.question.atMs;
  const own = eventsOf(answered);
  const lastMs = Math.max(...own.map(({ atMs }) => atMs));
  const asked = recording.modelAsked
    .filter((each) => each.questionId === questionId)
    .map(({ atMs, slot, round, fault }) => ({ atMs, what: `${slot} asks the model, round ${round} ${fault ?? ""}` }));
  const done = recording.disturbances
    .filter(({ fromMs, untilMs }) => fromMs <= lastMs && untilMs >= startMs - BEFORE_MS)
    .flatMap(eventsOfDisturbance);
  return [...own, ...asked, ...done]
    .sort((one, other) => one.atMs - other.atMs)
    .map(({ atMs, what }) => `${((atMs - startMs) / 1_000).toFixed(3).padStart(8)} ${what}`);
}

function eventsOf({ question, changes, calls, replyChanges }: Answered): Event[] {
  return [
    { atMs: question.atMs, what: `asked in ${question.chatId}, topic ${question.topicId}` },
    ...changes.map(({ atMs, slot, status, attempt, workerId, isClaim }) => ({
      atMs,
      what: `${slot} run ${isClaim ? "claimed: " : ""}${status}, attempt ${attempt}, worker ${workerId}`,
    })),
    ...replyChanges.map(({ atMs, slot, status, workerId, messageIds }) => ({
      atMs,
      what: `${slot} reply ${status}, worker ${workerId}, messages ${messageIds.join(",")}`,
    })),
    ...calls.map(({ startedAtMs, endedAtMs, slot, method, outcome, messageId }) => ({
      atMs: startedAtMs,
      what: `${slot} ${method} ${messageId ?? ""}: ${outcome} after ${Math.round(endedAtMs - startedAtMs)} ms`,
    })),
  ];
}

function eventsOfDisturbance({ kind, slot, border, fromMs, untilMs }: Disturbance): Event[] {
  const what = border === null ? kind : `${kind} of ${border}`;
  return [
    { atMs: fromMs, what: `   ${slot}: ${what}` },
    { atMs: untilMs, what: `   ${slot}: ${what} is over` },
  ].filter(({ atMs }) => Number.isFinite(atMs));
}
