/** Rounds: what is stored is never done again, neither a model call nor a tool call, and the model reads one output of each. */
import { isDeepStrictEqual } from "node:util";
import type { Findings, Violation } from "../indexed-recording.ts";

/** The database's clock is read at the start of a transaction, the model's when the request is read. */
const CLOCK_MS = 50;

export function checkRounds(findings: Findings): Violation[] {
  return [
    ...checkToolCalls(findings),
    ...checkOutputs(findings),
    ...checkModelCalls(findings),
    ...findings.recording.modelComplaints.map((detail) => ({
      check: "model-refused-request",
      subject: "model",
      detail,
    })),
  ];
}

function* checkToolCalls({ recording, byRun }: Findings): Generator<Violation> {
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

/** The database's JSON has its own order of keys: what is compared is what it says. */
function* checkOutputs({ recording, byQuestion }: Findings): Generator<Violation> {
  const stored = new Map(
    recording.rows.toolCalls.map((call) => [`${call.runId} ${call.callId}`, call.output] as const),
  );
  for (const { questionId, outputs, round } of recording.modelAsked) {
    const runId = byQuestion.get(questionId)?.run.id;
    for (const [callId, output] of Object.entries(outputs)) {
      if (isDeepStrictEqual(stored.get(`${runId} ${callId}`), output)) continue;
      const detail = `the model read another output of ${callId} in round ${round} than the one that is stored`;
      yield { check: "tool-output-differs", subject: `q${questionId}`, detail };
    }
  }
}

function* checkModelCalls({ recording, byQuestion }: Findings): Generator<Violation> {
  const storedAt = new Map(recording.rows.items.map(({ runId, round, atMs }) => [`${runId} ${round}`, atMs] as const));
  for (const { questionId, round, atMs, slot } of recording.modelAsked) {
    const runId = byQuestion.get(questionId)?.run.id;
    const stored = storedAt.get(`${runId} ${round}`);
    if (stored === undefined || atMs <= stored + CLOCK_MS) continue;
    const detail = `${slot} asked for round ${round} ${Math.round(atMs - stored)} ms after it was stored`;
    yield { check: "model-asked-again", subject: `q${questionId}`, detail };
  }
}
