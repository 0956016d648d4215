/**
 * The events of the Responses API: what they tell of the answer.
 *
 * A server's data is parsed only here, in `chat/` and in `items.ts`. Everything after that can be stored, and sent back.
 */
import { isDeepStrictEqual } from "node:util";
import { type AnswerBuilder, type BuilderOptions, createAnswerBuilder } from "../answer/answer-builder.ts";
import type { StreamedAnswer } from "../answer/streamed-answer.ts";
import type { Place, ToldItem } from "../answer/told-item.ts";
import { ModelError } from "../errors/error.ts";
import { toFailure } from "../errors/fault.ts";
import type { EventReader } from "../event-stream.ts";
import { indexOrNull, recordOf, textOrNull } from "../json.ts";
import { readUsage } from "../usage.ts";
import { areLikeArguments, isLikeText, readPart, tellAll, tellItem } from "./tell-item.ts";

type Event = Record<string, unknown>;

/** A reader for one response. */
export function createResponseReader(options: BuilderOptions): EventReader<StreamedAnswer> {
  const builder = createAnswerBuilder(options);
  const isRepeated = createRepetitionCheck();
  return {
    read(value) {
      const event = recordOf(value);
      if (isRepeated(event)) return undefined;
      return readEvent(builder, event);
    },
    end(isMarkedEnd) {
      // Some gateways leave out the terminal event.
      return isMarkedEnd && builder.hasContent() ? toAnswer(builder, {}, { status: "completed" }) : undefined;
    },
  };
}

function readEvent(builder: AnswerBuilder, event: Event): StreamedAnswer | undefined {
  switch (event.type) {
    case "response.output_text.delta":
    case "response.refusal.delta":
      addText(builder, event);
      return;
    case "response.output_text.done":
    case "response.refusal.done":
      tellText(builder, event, event);
      return;
    case "response.content_part.done":
      for (const { text } of readPart(recordOf(event.part))) tellText(builder, event, { text });
      return;
    case "response.function_call_arguments.delta":
    case "response.function_call_arguments.done":
      readArguments(builder, event);
      return;
    case "response.output_item.added":
    case "response.output_item.done":
      tellItem(builder, event);
      return;
    case "response.completed":
    case "response.done":
    case "response.incomplete":
    case "response.failed":
    case "response.cancelled":
      return finish(builder, event.type, recordOf(event.response));
    default:
      return readOther(builder, event);
  }
}

/** Errors, of which servers know many forms, and a whole response from a server that does not stream. */
function readOther(builder: AnswerBuilder, event: Event): StreamedAnswer | undefined {
  if (event.type === "error") throw toFailure(event.error ?? event);
  if (event.error) throw toFailure(event.error);
  if (Array.isArray(event.choices)) {
    throw new ModelError(
      "MODEL_REFUSED_REQUEST",
      "The model's server answers in the form of Chat Completions: set OPENAI_API=chat.",
    );
  }
  return event.object === "response" ? finish(builder, "response.completed", event) : undefined;
}

function addText(builder: AnswerBuilder, event: Event): void {
  if (typeof event.delta !== "string") return;
  const part = partOf(event);
  const isLike = (known: ToldItem) => !known.parts[part.index]?.isWhole;
  const item = builder.item({ ...placeOf(event, "message"), isLike });
  // A whole item is not told piece by piece again.
  if (!item.isDone) builder.addText(item, part, event.delta);
}

function tellText(builder: AnswerBuilder, event: Event, { text, refusal }: Event): void {
  const whole = textOrNull(text) ?? textOrNull(refusal);
  if (whole === null) return;
  const part = partOf(event);
  const isLike = (known: ToldItem) => isLikeText(known.parts[part.index]?.text ?? "", whole);
  builder.tellText(builder.item({ ...placeOf(event, "message"), isLike }), part, whole);
}

function readArguments(builder: AnswerBuilder, event: Event): void {
  const isWhole = event.type === "response.function_call_arguments.done";
  const place = placeOf(event, "call");
  const item = builder.item(
    isWhole ? { ...place, isLike: (known) => areLikeArguments(known, event.arguments) } : place,
  );
  if (typeof event.name === "string" && item.name === "") item.name = event.name;
  if (isWhole) builder.tellArguments(item, event.arguments);
  else if (typeof event.delta === "string" && !item.isDone) item.argumentPieces += event.delta;
}

function placeOf(event: Event, type: Place["type"]): Place {
  return {
    type,
    index: indexOrNull(event.output_index),
    id: textOrNull(event.item_id),
    callId: textOrNull(event.call_id),
  };
}

function partOf(event: Event): { index: number; kind: "text" | "refusal" } {
  const isRefusal = String(event.type).includes("refusal") || recordOf(event.part).type === "refusal";
  return { index: indexOrNull(event.content_index) ?? 0, kind: isRefusal ? "refusal" : "text" };
}

/** What the response says of its end counts, whichever event it comes in. */
function finish(builder: AnswerBuilder, type: string, response: Event): StreamedAnswer {
  const status = textOrNull(response.status);
  const said =
    status === "failed" || status === "cancelled" || status === "incomplete" ? status : type.slice("response.".length);
  if (said === "failed") throw toFailure(response.error);
  if (said === "cancelled")
    throw toFailure(response.error ?? { code: "cancelled", message: "the server cancelled it" });
  tellAll(builder, response);
  const isCut = said === "incomplete";
  return toAnswer(builder, response, isCut ? { status: said, reason: reasonIn(response) } : { status: "completed" });
}

function toAnswer(builder: AnswerBuilder, response: Event, outcome: StreamedAnswer["outcome"]): StreamedAnswer {
  return { outcome, ...builder.end(), usage: readUsage(response.usage) };
}

function reasonIn(response: Event): string {
  return textOrNull(recordOf(response.incomplete_details).reason) ?? "unknown";
}

/** Whether an event is the one before once more: events are numbered, and one that is sent twice has its number twice. */
function createRepetitionCheck(): (event: Event) => boolean {
  let before: { number: number; event: Event } | null = null;
  let isCounting = false;
  return (event) => {
    const number = indexOrNull(event.sequence_number);
    if (number === null) return false;
    // A server that gives all events the same number does not count.
    isCounting ||= before !== null && number > before.number;
    const isRepeated = isCounting && before?.number === number && isDeepStrictEqual(before.event, event);
    before = { number, event };
    return isRepeated;
  };
}
