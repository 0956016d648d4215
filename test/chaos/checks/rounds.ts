/** Checks rounds: a stored model call or tool call is never repeated, and the model gets the stored output of each call. */
import { isDeepStrictEqual } from "node:util";
import type { IndexedRecording, Violation } from "../indexed-recording.ts";

/** Tolerance: the database's timestamps are from the start of a transaction, the model's from the arrival of the request. */
const CLOCK_MS = 50;

export function checkRounds(indexed: IndexedRecording): Violation[] {
  return [
    ...checkToolCalls(indexed),
    ...checkOutputs(indexed),
    ...checkModelCalls(indexed),
    ...indexed.recording.modelErrors.map((detail) => ({
      check: "model-refused-request",
      subject: "model",
      detail,
    })),
  ];
}

function* checkToolCalls({ recording, byRun }: IndexedRecording): Generator<Violation> {
  const runs = new Map(recording.rows.toolCalls.map(({ id, runId }) => [id, runId] as const));
  const subjectOf = (toolCallId: string) => byRun.get(runs.get(toolCallId) ?? "")?.subject ?? toolCallId;
  for (const { toolCallId, before, status, slot } of recording.toolCallChanges) {
    if (before !== "succeeded" && before !== "failed") continue;
    yield {
      check: "tool-call-repeated",
      subject: subjectOf(toolCallId),
      detail: `${slot}: ${before} became ${status}`,
    };
  }
  for (const { id, status, callId } of recording.rows.toolCalls) {
    if (status === "succeeded" || status === "failed") continue;
    yield { check: "tool-call-not-ended", subject: subjectOf(id), detail: `${callId} is ${status}` };
  }
}

/** Compares values, not text: the database's JSON has its own order of keys. */
function* checkOutputs({ recording, byQuestion }: IndexedRecording): Generator<Violation> {
  const stored = new Map(
    recording.rows.toolCalls.map((call) => [`${call.runId} ${call.callId}`, call.output] as const),
  );
  for (const { questionId, outputs, round } of recording.modelRequests) {
    const runId = byQuestion.get(questionId)?.run.id;
    for (const [callId, output] of Object.entries(outputs)) {
      if (isDeepStrictEqual(stored.get(`${runId} ${callId}`), output)) continue;
      const detail = `in round ${round} the model got an output of ${callId} that differs from the stored one`;
      yield { check: "tool-output-differs", subject: `q${questionId}`, detail };
    }
  }
}

function* checkModelCalls({ recording, byQuestion }: IndexedRecording): Generator<Violation> {
  const storedAt = new Map(recording.rows.items.map(({ runId, round, atMs }) => [`${runId} ${round}`, atMs] as const));
  for (const { questionId, round, startedAtMs: atMs, slot } of recording.modelRequests) {
    const runId = byQuestion.get(questionId)?.run.id;
    const stored = storedAt.get(`${runId} ${round}`);
    if (stored === undefined || atMs <= stored + CLOCK_MS) continue;
    const detail = `${slot} requested round ${round} ${Math.round(atMs - stored)} ms after it was stored`;
    yield { check: "model-request-repeated", subject: `q${questionId}`, detail };
  }
}
