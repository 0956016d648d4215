/**
 * One answer, put together from what a server tells of it: a list of items. A message's text, and a call's arguments, may be
 * told piece by piece, as a whole, or both, and again later. The fullest that was told counts.
 *
 * It shows text as it comes, and knows at the end what the answer is. Which event tells what is up to the two APIs.
 */

import { storableText } from "../../../db/storable.ts";
import { MAX_ANSWER_ITEMS } from "../../limits.ts";
import { ModelError } from "../errors/error.ts";
import { createShownText, type ShownText } from "../text/shown-text.ts";
import { fullerArguments, readArguments } from "./arguments.ts";
import { placeAmong } from "./item-places.ts";
import { type ParsedItem, readItem } from "./items.ts";
import { createToldItem, type Place, partAt, type TextPart, type ToldItem, toldText } from "./told-item.ts";
import { readToolName } from "./tool-name.ts";

/** The answer of one model call as a server told it. */
export interface BuiltAnswer {
  /** Whole output items, reasoning included, as they must be sent back. */
  items: object[];
  calls: { callId: string; name: string; arguments: string }[];
  /** All text that a person may read. Items are separated by a blank line. */
  text: string;
}

export interface AnswerBuilder {
  /** The item that an event speaks of: a known one, or a new one at the end. */
  item(place: Place): ToldItem;
  /** A new item at this position. */
  insert(place: Place, position: number): ToldItem;
  /** Takes the next piece of a message's part, and shows what may be shown. */
  addText(item: ToldItem, part: { index: number; kind: TextPart["kind"] }, piece: string): void;
  /** Takes a whole part of a message, and shows what is new of it. */
  tellText(item: ToldItem, part: { index: number; kind: TextPart["kind"] }, whole: string): void;
  /** Takes whole arguments of a call, in whichever form. */
  tellArguments(item: ToldItem, whole: unknown): void;
  readonly items: ToldItem[];
  /** Whether anything was told that an answer consists of. */
  hasContent(): boolean;
  /**
   * The stream has ended.
   *
   * @throws {ModelError} `MODEL_TOOLS_AS_TEXT` when the answer has no call but one that is written as text.
   */
  end(): BuiltAnswer;
}

export interface BuilderOptions {
  onText(piece: string): void;
  /** The names of the tools that may be called. */
  tools: readonly string[];
  /** Whether the server's texts begin in the middle of thinking. Updated by what the texts show. */
  thinking: { beginsBeforeText: boolean };
}

export function createAnswerBuilder(options: BuilderOptions): AnswerBuilder {
  const items: ToldItem[] = [];
  const shown = createShownText<ToldItem>(options);
  const insert = (place: Place, position: number) => {
    if (items.length === MAX_ANSWER_ITEMS) {
      throw new ModelError("MODEL_TOO_LONG", `The answer has more than ${MAX_ANSWER_ITEMS} items.`);
    }
    const item = createToldItem(place, items.findLast((each) => each.isDone && isSamePlace(each, place)) ?? null);
    items.splice(position, 0, item);
    return item;
  };
  return {
    items,
    insert,
    item: (place) => placeAmong(items, place) ?? insert(place, items.length),
    addText(item, { index, kind }, piece) {
      partAt(item, index, kind).text += piece;
      if (!repeats(item)) shown.append(item, piece, toldText);
    },
    tellText(item, { index, kind }, whole) {
      const part = partAt(item, index, kind);
      part.text = fullerText(part.text, whole);
      part.isWhole ||= whole !== "";
      if (!repeats(item)) shown.update(item, toldText(item));
    },
    tellArguments(item, whole) {
      item.wholeArguments = fullerArguments(item.wholeArguments, whole);
    },
    hasContent: () => items.some((item) => item.type === "call" || toldText(item) !== ""),
    end: () => build(items, shown, options),
  };
}

function build(told: readonly ToldItem[], shown: ShownText<ToldItem>, { tools }: BuilderOptions): BuiltAnswer {
  const items = inOrder(told.filter((item) => !repeats(item)));
  const texts = shown.end(items, toldText);
  const parsed = items.flatMap((item) => readItem(sourceOf(item, { text: texts.get(item) ?? "", tools })) ?? []);
  const calls = parsed.flatMap(({ call }: ParsedItem) => call ?? []);
  if (calls.length === 0 && shown.hasCall()) {
    throw new ModelError(
      "MODEL_TOOLS_AS_TEXT",
      "The model wrote its tool call as text: its server is not set up for tool calls of this model.",
    );
  }
  const text = [...texts.values()].filter((each) => each !== "").join("\n\n");
  return { items: parsed.map(({ item }) => item), calls, text: storableText(text) };
}

/** By their indexes, when each has one of its own. */
function inOrder(items: ToldItem[]): ToldItem[] {
  const indexes = items.map(({ index }) => index);
  if (indexes.includes(null) || new Set(indexes).size < indexes.length) return items;
  return items.toSorted((one, other) => (one.index ?? 0) - (other.index ?? 0));
}

/** The item by the names of the Responses API. */
function sourceOf(item: ToldItem, { text, tools }: { text: string; tools: readonly string[] }): object {
  switch (item.type) {
    case "message":
      return { ...item.fields, type: "message", content: contentOf(item, text) };
    case "call": {
      const written = fullerArguments(item.argumentPieces || null, item.wholeArguments);
      const name = readToolName(item.name, tools);
      return { ...item.fields, type: "function_call", call_id: item.callId, name, arguments: written };
    }
    case "reasoning":
      return { ...item.fields, type: "reasoning" };
  }
}

/** The parts of a message as they were told, or one part when something of the text may not be shown. */
function contentOf({ parts }: ToldItem, text: string): object[] {
  const given = parts.filter((part) => part.text !== "");
  const kept = given.map(({ text: each }) => each).join("") === text ? given : text === "" ? [] : [oneOf(given, text)];
  return kept.map((part) =>
    part.kind === "text" ? { type: "output_text", text: part.text } : { type: "refusal", refusal: part.text },
  );
}

function oneOf(parts: readonly TextPart[], text: string): TextPart {
  return { kind: parts[0]?.kind ?? "text", text, isWhole: true };
}

function isSamePlace(item: ToldItem, { type, index }: Place): boolean {
  return item.type === type && item.index === index;
}

/** Whether all that was told of an item so far was told of the item before it. */
function repeats(item: ToldItem): boolean {
  const { mayRepeat: before } = item;
  if (!before) return false;
  if (item.type === "message") return toldText(before).startsWith(toldText(item));
  if (item.type === "reasoning") return JSON.stringify(before.fields) === JSON.stringify(item.fields);
  const isOtherCall = item.index === null && item.callId !== "" && item.callId !== before.callId;
  if (isOtherCall || item.name !== before.name) return false;
  const written = writtenArguments(item);
  return written === "{}" || written === writtenArguments(before);
}

function writtenArguments(item: ToldItem): string {
  return readArguments(fullerArguments(item.argumentPieces || null, item.wholeArguments));
}

/** The fuller of what was told piece by piece and as a whole. Pieces that came twice are not fuller. */
function fullerText(pieces: string, whole: string): string {
  return whole.length >= pieces.length || pieces === whole + whole ? whole || pieces : pieces;
}
