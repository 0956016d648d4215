/** Items that the Responses API tells as a whole: one by one, and all of them at the end. */
import { isDeepStrictEqual } from "node:util";
import type { AnswerBuilder } from "../answer/answer-builder.ts";
import { areComplete, readArguments } from "../answer/arguments.ts";
import { placeAll } from "../answer/item-places.ts";
import { type Place, type TextPart, type ToldItem, toldText } from "../answer/told-item.ts";
import { indexOrNull, isRecord, recordOf, textOrNull } from "../json.ts";

type Fields = Record<string, unknown>;

const TYPES: ReadonlyMap<unknown, ToldItem["type"]> = new Map([
  ["message", "message"],
  ["function_call", "call"],
  ["reasoning", "reasoning"],
]);

/** Takes the item of `response.output_item.added` or `.done`. */
export function tellItem(builder: AnswerBuilder, event: Fields): void {
  const place = placeOf(event.item, indexOrNull(event.output_index));
  if (!place) return;
  const isDone = event.type === "response.output_item.done";
  const { isLike, ...opening } = place;
  const item = builder.item(isDone ? place : { ...opening, isOpening: true });
  tell(builder, item, { fields: recordOf(event.item), isDone });
}

/** Takes the output of a whole response. An item that it lacks stays. */
export function tellAll(builder: AnswerBuilder, response: Fields): void {
  const output = Array.isArray(response.output) ? response.output : [];
  const told = output.flatMap((value, index) => {
    const place = placeOf(value, index);
    return place ? [{ place, fields: recordOf(value) }] : [];
  });
  const known = placeAll(
    builder.items,
    told.map(({ place }) => place),
  );
  let next = 0;
  for (const [position, { place, fields }] of told.entries()) {
    const item = known[position] ?? builder.insert(place, next);
    next = builder.items.indexOf(item) + 1;
    tell(builder, item, { fields, isDone: true });
  }
  // A field of OpenAI's SDK, which some servers send as their only text.
  const { output_text: text } = response;
  if (typeof text === "string" && !builder.hasContent()) {
    builder.tellText(builder.insert({ type: "message", index: null, id: null, callId: null }, 0), FIRST, text);
  }
}

const FIRST = { index: 0, kind: "text" } as const;

function placeOf(value: unknown, index: number | null): Place | null {
  const fields = recordOf(value);
  const type = TYPES.get(fields.type);
  const { role = "assistant" } = fields;
  // Some servers repeat the question.
  if (!type || (type === "message" && role !== "assistant" && role !== null)) return null;
  const isLike = (item: ToldItem) => isLikeItem(item, fields);
  return { type, index, id: textOrNull(fields.id), callId: textOrNull(fields.call_id), isLike };
}

function tell(builder: AnswerBuilder, item: ToldItem, { fields, isDone }: { fields: Fields; isDone: boolean }): void {
  for (const id of [fields.id, fields.call_id]) if (typeof id === "string") item.ids.add(id);
  if (item.type === "call") tellCall(builder, item, fields);
  if (item.type === "message") tellMessage(builder, item, { fields, isDone });
  // Reasoning that was only added is not complete.
  if (item.type === "reasoning" && isDone) tellReasoning(item, fields);
  item.isDone ||= isDone;
}

function tellCall(builder: AnswerBuilder, item: ToldItem, fields: Fields): void {
  const { name, call_id: callId, arguments: written, id, status } = fields;
  if (item.name === "" && name !== undefined && name !== null) item.name = nameOf(name);
  if (item.callId === "" && typeof callId === "string") item.callId = callId;
  item.fields = { id: item.fields.id ?? id, status };
  // What an added item says of its arguments is a beginning.
  if (written !== undefined && written !== "") builder.tellArguments(item, written);
}

function nameOf(name: unknown): string {
  return typeof name === "string" ? name : (JSON.stringify(name) ?? "");
}

function tellMessage(builder: AnswerBuilder, item: ToldItem, told: { fields: Fields; isDone: boolean }): void {
  const { id, status, phase, content } = told.fields;
  item.fields = { id: item.fields.id ?? id, status, phase: phase ?? item.fields.phase };
  if (!told.isDone) return;
  for (const [index, { kind, text }] of partsOf(content).entries()) builder.tellText(item, { index, kind }, text);
}

/** Of the reasoning that was told twice, the one that can be sent back counts. */
function tellReasoning(item: ToldItem, fields: Fields): void {
  const isFuller = typeof fields.encrypted_content === "string" || typeof item.fields.encrypted_content !== "string";
  if (isFuller) item.fields = { ...item.fields, ...fields };
}

/** The parts of a message that a person reads, by their fields: some servers use other names for their types. */
function partsOf(content: unknown): TextPart[] {
  if (typeof content === "string") return [{ kind: "text", text: content, isWhole: true }];
  return Array.isArray(content) ? content.filter(isRecord).flatMap(readPart) : [];
}

/** A part by its fields: some servers use other names for its type. None for thinking. */
export function readPart({ type, text, refusal }: Fields): TextPart[] {
  if (/reason|think|summary|analysis/.test(textOrNull(type) ?? "")) return [];
  if (typeof text === "string") return [{ kind: "text", text, isWhole: true }];
  return typeof refusal === "string" ? [{ kind: "refusal", text: refusal, isWhole: true }] : [];
}

function isLikeItem(item: ToldItem, fields: Fields): boolean {
  if (item.type === "message") {
    const text = partsOf(fields.content)
      .map((part) => part.text)
      .join("");
    return isLikeText(toldText(item), text);
  }
  if (item.type === "call") return isLikeCall(item, fields);
  const { id: _id, ...others } = fields;
  return Object.keys(others).every((key) => !item.isDone || isDeepStrictEqual(item.fields[key], others[key]));
}

/** Whether one of the two texts is the beginning of the other. */
export function isLikeText(one: string, other: string): boolean {
  const [known, told] = [one.trimStart(), other.trimStart()];
  return known.startsWith(told) || told.startsWith(known);
}

function isLikeCall(item: ToldItem, { name, arguments: written }: Fields): boolean {
  if (item.name !== "" && name !== undefined && item.name !== name) return false;
  return areLikeArguments(item, written);
}

/** Whether these arguments could be those of a call, of which not all may be told yet. */
export function areLikeArguments(item: ToldItem, written: unknown): boolean {
  const told = readArguments(written);
  const known = readArguments(item.wholeArguments ?? item.argumentPieces);
  if (told === "{}" || known === "{}" || !areComplete(known) || !areComplete(told)) return true;
  return isDeepStrictEqual(JSON.parse(told), JSON.parse(known));
}
