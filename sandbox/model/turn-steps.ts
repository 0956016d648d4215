/**
 * Turns a scripted turn into a sequence of steps: events of the Responses API, and waits between them.
 *
 * It owns the order and the fields of the events. Sequence numbers, pace and the socket are in `send-turn.ts`.
 */

import { itemSteps } from "./item-steps.ts";
import {
  countUsage,
  createResponseObject,
  type OutputItem,
  type ResponseState,
  type Usage,
} from "./response-object.ts";
import { type Cut, event, isDelta, type Step } from "./stream-step.ts";
import type { Ending, ModelRequestBody, StreamedTurn, TurnPart } from "./turn.ts";

export interface TurnResult {
  /** The finished items, in order. */
  readonly output: readonly OutputItem[];
  /** The final response object. A request without streaming gets it as its answer. */
  readonly response: Readonly<Record<string, unknown>>;
}

const COMPLETED: Ending = { kind: "completed" };

/** Yields the steps of `turn` and returns its result. At most `maxInputTokens` count as read. An ending without an event of its own adds no step. */
export function* turnSteps(
  turn: StreamedTurn,
  body: ModelRequestBody,
  maxInputTokens = Number.POSITIVE_INFINITY,
): Generator<Step, TurnResult, void> {
  const describe = createResponseObject(body);
  const { ending = COMPLETED } = turn;

  yield event("response.created", { response: describe({ status: "in_progress" }) });
  yield event("response.in_progress", { response: describe({ status: "in_progress" }) });
  const { output, deltas } = yield* partSteps(turn.parts, ending, body);
  const response = describe(endState(ending, output, limited(countUsage(body, output, deltas), maxInputTokens)));
  yield* endSteps(ending, response);
  return { output, response };
}

/** As a server counts that read only a part of the input. */
function limited(usage: Usage, maxInputTokens: number): Usage {
  if (usage.input_tokens <= maxInputTokens) return usage;
  return { ...usage, input_tokens: maxInputTokens, input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 } };
}

interface StreamedParts {
  readonly output: readonly OutputItem[];
  /** The number of streamed pieces. */
  readonly deltas: number;
}

function* partSteps(
  parts: readonly TurnPart[],
  ending: Ending,
  body: ModelRequestBody,
): Generator<Step, StreamedParts> {
  const output: OutputItem[] = [];
  let deltas = 0;
  for (const [index, part] of parts.entries()) {
    if (part.kind === "wait") {
      yield part;
      continue;
    }
    const cut = index === parts.length - 1 ? cutBy(ending) : "none";
    const steps = itemSteps(part, { outputIndex: output.length, cut, body });
    let next = steps.next();
    for (; !next.done; next = steps.next()) {
      if (next.value.kind === "event" && isDelta(next.value.event)) deltas += 1;
      yield next.value;
    }
    if (next.value !== null) output.push(next.value);
  }
  return { output, deltas };
}

function cutBy(ending: Ending): Cut {
  if (ending.kind === "completed") return "none";
  return ending.kind === "incomplete" ? "incomplete" : "open";
}

function endState(ending: Ending, output: readonly OutputItem[], usage: Usage): ResponseState {
  if (ending.kind === "completed") return { status: "completed", output, usage };
  if (ending.kind === "incomplete") {
    return { status: "incomplete", output, usage, incomplete_details: { reason: ending.reason } };
  }
  if (ending.kind === "failed") {
    return { status: "failed", output, error: { code: ending.code, message: ending.message } };
  }
  return { status: "in_progress", output };
}

function* endSteps(ending: Ending, response: TurnResult["response"]): Generator<Step, void, void> {
  if (ending.kind === "completed" || ending.kind === "failed" || ending.kind === "incomplete") {
    yield event(`response.${ending.kind}`, { response });
  }
  if (ending.kind === "error-event") {
    const facts = { code: ending.code, message: ending.message, param: null };
    yield event("error", ending.nested ? { error: { type: "server_error", ...facts } } : facts);
  }
}
