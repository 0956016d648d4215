/** The timeline of one question as text, printed with a violation. */
import type { Answered, IndexedRecording } from "./indexed-recording.ts";
import type { Disturbance } from "./recording.ts";

interface Event {
  atMs: number;
  text: string;
}

/** Disturbances shortly before the question are included, because their effects last. */
const BEFORE_MS = 20_000;

/** Lines such as "   1.234 a sendMessage 17: ok after 31 ms"; empty for a question that was never stored. */
export function describeTimeline({ byQuestion, recording }: IndexedRecording, questionId: number): string[] {
  const answered = byQuestion.get(questionId);
  if (!answered) return [];
  const startMs = answered.question.atMs;
  const own = eventsOf(answered);
  const lastMs = Math.max(...own.map(({ atMs }) => atMs));
  const modelRequests = recording.modelRequests
    .filter((each) => each.questionId === questionId)
    .map(({ atMs, slot, round, fault }) => ({ atMs, text: `${slot} model request, round ${round} ${fault ?? ""}` }));
  const disturbances = recording.disturbances
    .filter(({ fromMs, untilMs }) => fromMs <= lastMs && untilMs >= startMs - BEFORE_MS)
    .flatMap(eventsOfDisturbance);
  return [...own, ...modelRequests, ...disturbances]
    .sort((one, other) => one.atMs - other.atMs)
    .map(({ atMs, text }) => `${((atMs - startMs) / 1_000).toFixed(3).padStart(8)} ${text}`);
}

function eventsOf({ question, changes, calls, replyChanges }: Answered): Event[] {
  return [
    { atMs: question.atMs, text: `asked in ${question.chatId}, topic ${question.topicId}` },
    ...changes.map(({ atMs, slot, status, attempt, workerId, isClaim }) => ({
      atMs,
      text: `${slot} run ${isClaim ? "claimed: " : ""}${status}, attempt ${attempt}, worker ${workerId}`,
    })),
    ...replyChanges.map(({ atMs, slot, status, workerId, messageIds }) => ({
      atMs,
      text: `${slot} reply ${status}, worker ${workerId}, messages ${messageIds.join(",")}`,
    })),
    ...calls.map(({ startedAtMs, endedAtMs, slot, method, outcome, messageId }) => ({
      atMs: startedAtMs,
      text: `${slot} ${method} ${messageId ?? ""}: ${outcome} after ${Math.round(endedAtMs - startedAtMs)} ms`,
    })),
  ];
}

function eventsOfDisturbance({ kind, slot, link, fromMs, untilMs }: Disturbance): Event[] {
  const text = link === null ? kind : `${kind} of ${link}`;
  return [
    { atMs: fromMs, text: `   ${slot}: ${text}` },
    { atMs: untilMs, text: `   ${slot}: ${text} ended` },
  ].filter(({ atMs }) => Number.isFinite(atMs));
}
