/**
 * The model of a chaos run: answers each request by the question in it, injects the planned faults, and records the requests.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { InputItem, ModelRequest, Responder, TextPiece, Turn, TurnPart } from "../../sandbox/model/turn.ts";
import { parseQuestion, type QuestionSpec, textOfRound } from "./answers.ts";
import type { RecordedModelRequest } from "./recording.ts";

/** A fault of the model in the final round of a question. Each is injected once. */
export type ModelFault = "drop" | "error-500" | "error-429" | "early-end";

export interface ScriptedModel {
  readonly answer: Responder;
  readonly requests: RecordedModelRequest[];
}

const PIECE_INTERVAL_MS = 60;
const TOOLS = [
  { name: "CheckOutOfStock", arguments: {} },
  { name: "CheckDailyRevenue", arguments: { date: "2026-11-14" } },
];

/** `faults` are by question id. `slotOf` maps a `Host` header to the slot whose proxy has this address. */
export function createScriptedModel(
  faults: ReadonlyMap<number, ModelFault>,
  slotOf: (host: string) => string,
): ScriptedModel {
  const requests: RecordedModelRequest[] = [];
  const remainingFaults = new Map(faults);
  const answer = (request: ModelRequest): Turn => {
    const { spec, since } = currentQuestion(request);
    const outputs = outputsOf(since);
    const round = since.filter(isFirstCallOfRound).length + 1;
    const fault = round > spec.rounds ? remainingFaults.get(spec.id) : undefined;
    if (fault) remainingFaults.delete(spec.id);
    requests.push({
      slot: slotOf(String(request.headers.host)),
      questionId: spec.id,
      round,
      startedAtMs: request.startedAtMs,
      atMs: request.receivedAtMs,
      outputs,
      fault: fault ?? null,
    });
    return fault ? failing(spec, fault) : { parts: [...partsOf(spec, round)] };
  };
  return { answer, requests };
}

/** The current question, and the input items after it. */
function currentQuestion(request: ModelRequest): { spec: QuestionSpec; since: readonly InputItem[] } {
  const { input } = request.body;
  if (typeof input === "string") throw new Error("the product always sends items");
  const index = input.findLastIndex(({ role }) => role === "user");
  const spec = parseQuestion(String(input[index]?.content));
  if (!spec) throw new Error(`not a planned question: ${JSON.stringify(input[index])}`);
  return { spec, since: input.slice(index + 1) };
}

/** The calls of a round are adjacent, so the first one follows an item of another type. */
function isFirstCallOfRound(item: InputItem, index: number, items: readonly InputItem[]): boolean {
  return item.type === "function_call" && items[index - 1]?.type !== "function_call";
}

function outputsOf(items: readonly InputItem[]): Record<string, unknown> {
  const outputs = items.filter(({ type }) => type === "function_call_output");
  return Object.fromEntries(outputs.map(({ call_id, output }) => [call_id, JSON.parse(String(output))]));
}

function* partsOf(spec: QuestionSpec, round: number): Generator<TurnPart> {
  const text = textOfRound(spec, round);
  const isLast = round > spec.rounds;
  if (!isLast) yield { kind: "reasoning", encryptedContent: `q${spec.id} thinks in round ${round}` };
  if (text !== "") yield { kind: "text", text: paced(text, isLast ? spec.streamMs : PIECE_INTERVAL_MS) };
  if (isLast) return;
  for (let call = 0; call < spec.callsPerRound; call += 1) {
    const tool = TOOLS[(spec.id + call) % TOOLS.length];
    if (tool) yield { kind: "call", ...tool, callId: `call_q${spec.id}_${round}_${call}` };
  }
}

function failing(spec: QuestionSpec, fault: ModelFault): Turn {
  if (fault === "error-500") return { status: 500 };
  if (fault === "error-429") return { status: 429, headers: { "retry-after": "1" } };
  const text = textOfRound(spec, spec.rounds + 1);
  const half = text.slice(0, Math.ceil(text.length / 2));
  return { parts: [{ kind: "text", text: paced(half, spec.streamMs / 2) }], ending: { kind: fault } };
}

/** Splits a text into pieces that take `durationMs` in total. */
function* paced(text: string, durationMs: number): Generator<TextPiece> {
  const count = Math.max(1, Math.min(Math.round(durationMs / PIECE_INTERVAL_MS), text.length));
  const size = Math.ceil(text.length / count);
  for (let start = 0; start < text.length; start += size) {
    yield delay(durationMs / count);
    yield text.slice(start, start + size);
  }
}
