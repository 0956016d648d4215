/** Turns one output item into its stream events: a message, a refusal, a function call or a reasoning item. */

import { createId, type OutputItem } from "./response-object.ts";
import { type Cut, event, type Step } from "./stream-step.ts";
import { splitIntoTokens } from "./tokens.ts";
import type { ModelRequestBody, Phase, TextPiece, TurnPart } from "./turn.ts";

export type ItemPart = Exclude<TurnPart, { kind: "wait" }>;

/** Where an item is in the output, and how it is streamed. */
export interface ItemPlace {
  readonly outputIndex: number;
  readonly cut: Cut;
  readonly body: ModelRequestBody;
}

type ItemSteps = Generator<Step, OutputItem | null, void>;

/** Yields the steps of one item. Returns the finished item, or null if it was left open. */
export function itemSteps(part: ItemPart, place: ItemPlace): ItemSteps {
  switch (part.kind) {
    case "text":
      return messageSteps(piecesOf(part.text), { form: TEXT_FORM, ...(part.phase && { phase: part.phase }) }, place);
    case "refusal":
      return messageSteps(piecesOf(part.text), { form: REFUSAL_FORM }, place);
    case "call":
      return callSteps(part, place);
    case "reasoning":
      return reasoningSteps(part, place);
  }
}

function piecesOf(text: string | Iterable<TextPiece>): Iterable<TextPiece> {
  return typeof text === "string" ? splitIntoTokens(text) : text;
}

/** Text and refusals are streamed in the same way; only these names differ. */
interface MessageForm {
  readonly type: string;
  readonly field: string;
  readonly events: string;
  readonly partExtras: Readonly<Record<string, unknown>>;
  readonly eventExtras: Readonly<Record<string, unknown>>;
}

const TEXT_FORM: MessageForm = {
  type: "output_text",
  field: "text",
  events: "response.output_text",
  partExtras: { annotations: [], logprobs: [] },
  eventExtras: { logprobs: [] },
};

const REFUSAL_FORM: MessageForm = {
  type: "refusal",
  field: "refusal",
  events: "response.refusal",
  partExtras: {},
  eventExtras: {},
};

interface MessageStyle {
  readonly form: MessageForm;
  readonly phase?: Phase;
}

function* messageSteps(pieces: Iterable<TextPiece>, { form, phase }: MessageStyle, place: ItemPlace): ItemSteps {
  const id = createId("msg");
  const item = { id, type: "message", role: "assistant", ...(phase && { phase }) };
  const at = { item_id: id, output_index: place.outputIndex, content_index: 0 };
  const contentPart = (text: string) => ({ type: form.type, [form.field]: text, ...form.partExtras });

  yield added({ ...item, status: "in_progress", content: [] }, place);
  yield event("response.content_part.added", { ...at, part: contentPart("") });
  let text = "";
  for (const piece of pieces) {
    if (typeof piece !== "string") {
      yield { kind: "wait", until: piece };
      continue;
    }
    text += piece;
    yield event(`${form.events}.delta`, { ...at, delta: piece, ...form.eventExtras });
  }
  if (place.cut === "open") return null;
  yield event(`${form.events}.done`, { ...at, [form.field]: text, ...form.eventExtras });
  yield event("response.content_part.done", { ...at, part: contentPart(text) });
  return yield* done({ ...item, content: [contentPart(text)] }, place);
}

function* callSteps(part: Extract<TurnPart, { kind: "call" }>, place: ItemPlace): ItemSteps {
  const text = typeof part.arguments === "string" ? part.arguments : JSON.stringify(part.arguments);
  const item = { id: createId("fc"), type: "function_call", call_id: part.callId ?? createId("call"), name: part.name };
  const at = { item_id: item.id, output_index: place.outputIndex };

  yield added({ ...item, arguments: "", status: "in_progress" }, place);
  for (const delta of splitIntoTokens(text)) yield event("response.function_call_arguments.delta", { ...at, delta });
  if (place.cut === "open") return null;
  yield event("response.function_call_arguments.done", { ...at, name: part.name, arguments: text });
  return yield* done({ ...item, arguments: text }, place);
}

function* reasoningSteps(part: Extract<TurnPart, { kind: "reasoning" }>, place: ItemPlace): ItemSteps {
  const id = createId("rs");
  const isIncluded = place.body.include?.includes("reasoning.encrypted_content") ?? false;
  const content = part.encryptedContent ?? `gAAAA${btoa(id)}`;
  // The `added` event carries incomplete content, as with OpenAI: a client that sends it back later is refused.
  yield added(
    { id, type: "reasoning", summary: [], ...(isIncluded && { encrypted_content: content.slice(0, 5) }) },
    place,
  );
  if (part.summary !== undefined) yield* summarySteps(part.summary, { item_id: id, output_index: place.outputIndex });
  if (place.cut === "open") return null;
  const summary = part.summary === undefined ? [] : [{ type: "summary_text", text: part.summary }];
  return yield* done({ id, type: "reasoning", summary, ...(isIncluded && { encrypted_content: content }) }, place);
}

function* summarySteps(text: string, place: Readonly<Record<string, unknown>>): Generator<Step, void, void> {
  const at = { ...place, summary_index: 0 };
  yield event("response.reasoning_summary_part.added", { ...at, part: { type: "summary_text", text: "" } });
  for (const delta of splitIntoTokens(text)) yield event("response.reasoning_summary_text.delta", { ...at, delta });
  yield event("response.reasoning_summary_text.done", { ...at, text });
  yield event("response.reasoning_summary_part.done", { ...at, part: { type: "summary_text", text } });
}

function added(item: OutputItem, place: ItemPlace): Step {
  return event("response.output_item.added", { output_index: place.outputIndex, item });
}

function* done(item: OutputItem, place: ItemPlace): Generator<Step, OutputItem, void> {
  const status = place.cut === "incomplete" ? "incomplete" : "completed";
  const finished: OutputItem = item.type === "reasoning" ? item : { ...item, status };
  yield event("response.output_item.done", { output_index: place.outputIndex, item: finished });
  return finished;
}
