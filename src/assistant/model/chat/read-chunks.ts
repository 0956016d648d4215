/**
 * The chunks of Chat Completions: what they tell of the answer.
 *
 * A call is told by deltas of its index. Some servers give none, give all calls the index 0, or send each call in one piece.
 */
import { storable } from "../../../db/storable.ts";
import { type AnswerBuilder, type BuilderOptions, createAnswerBuilder } from "../answer/answer-builder.ts";
import { areComplete } from "../answer/arguments.ts";
import { callExtrasOf } from "../answer/call-extras.ts";
import type { StreamedAnswer } from "../answer/streamed-answer.ts";
import type { ToldItem } from "../answer/told-item.ts";
import { ModelError } from "../errors/error.ts";
import { toFailure } from "../errors/fault.ts";
import type { EventReader } from "../event-stream.ts";
import { indexOrNull, isRecord, recordOf, textOrNull } from "../json.ts";
import { readUsage } from "../usage.ts";
import { addThinking, type Thinking } from "./thinking.ts";

type Fields = Record<string, unknown>;

/** What was told so far. */
interface Reading {
  readonly tools: readonly string[];
  readonly builder: AnswerBuilder;
  readonly thinking: Thinking;
  finishReason: string | null;
  usage: unknown;
}

/** A reader for one response. The answer is known at the end: the usage follows after the last choice. */
export function createChunkReader(options: BuilderOptions): EventReader<StreamedAnswer> {
  const { tools } = options;
  const builder = createAnswerBuilder(options);
  const reading: Reading = { tools, builder, thinking: {}, finishReason: null, usage: null };
  return {
    read(value) {
      readChunk(reading, recordOf(value));
      return undefined;
    },
    isComplete: () => reading.finishReason !== null,
    end(isMarkedEnd) {
      const isComplete = reading.finishReason !== null || (isMarkedEnd && reading.builder.hasContent());
      return isComplete ? toAnswer(reading) : undefined;
    },
  };
}

function readChunk(reading: Reading, chunk: Fields): void {
  if (chunk.error) throw toFailure(chunk.error);
  if (chunk.type === "error" || chunk.object === "error") throw toFailure(chunk);
  if (textOrNull(chunk.type)?.startsWith("response.") || chunk.object === "response") {
    throw new ModelError(
      "MODEL_REFUSED_REQUEST",
      "The model's server answers in the form of the Responses API: set OPENAI_API=responses.",
    );
  }
  reading.usage = chunk.usage ?? recordOf(chunk.x_groq).usage ?? reading.usage;
  const choices = Array.isArray(chunk.choices) ? chunk.choices.map(recordOf) : [];
  const choice = choices.find(({ index }) => index === 0) ?? choices[0] ?? {};
  readMessage(reading, recordOf(choice.delta ?? { content: choice.text }), { isWhole: false });
  readMessage(reading, recordOf(choice.message), { isWhole: true });
  const reason = textOrNull(choice.finish_reason);
  if (reason === null || reason === "") return;
  if (INTERRUPTED.includes(reason))
    throw toFailure(choice.error ?? { code: 503, message: `the server ended the answer (${reason})` });
  reading.finishReason = reason;
}

/** Reasons for an end in the middle. The second is DeepSeek's, the third vLLM's. */
const INTERRUPTED = ["error", "insufficient_system_resource", "abort"];

/** A delta, or a whole message from a server that does not stream. */
function readMessage(reading: Reading, message: Fields, { isWhole }: { isWhole: boolean }): void {
  const { builder } = reading;
  addThinking(reading.thinking, message, { isWhole });
  for (const [kind, text] of [
    ["text", textIn(message.content)],
    ["refusal", textOrNull(message.refusal) ?? ""],
  ] as const) {
    if (text === "") continue;
    const item = builder.item({ type: "message", index: 0, id: null, callId: null });
    const part = { index: item.parts[0]?.kind === kind || item.parts.length === 0 ? 0 : 1, kind };
    if (isWhole) builder.tellText(item, part, text);
    else builder.addText(item, part, text);
  }
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  // As it was before there were tools: one call, without an id.
  const single = isRecord(message.function_call) ? [{ index: 0, function: message.function_call }] : [];
  for (const call of [...calls, ...single]) readCall(reading, recordOf(call), isWhole);
}

/** The text of a content, which may be a list of parts. Thinking parts have no text of their own. */
function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .filter(isRecord)
    .map(({ type, text }) => (/think|reason/.test(textOrNull(type) ?? "") ? "" : (textOrNull(text) ?? "")))
    .join("");
}

function readCall({ builder, tools }: Reading, delta: Fields, isWhole: boolean): void {
  const { name, arguments: written } = recordOf(delta.function);
  const item = callFor(builder, tools, delta);
  const id = textOrNull(delta.id);
  if (id) item.ids.add(id);
  item.callId ||= id ?? "";
  if (typeof name === "string" && item.name !== name) {
    item.name = item.name === "" || isRestOfName(item, name, tools) ? item.name + name : item.name;
  }
  item.fields = { ...item.fields, ...callExtrasOf(delta) };
  if (isWhole || (typeof written !== "string" && written !== undefined)) builder.tellArguments(item, written);
  else if (typeof written === "string") item.argumentPieces += written;
}

function callFor(builder: AnswerBuilder, tools: readonly string[], delta: Fields): ToldItem {
  const name = textOrNull(recordOf(delta.function).name);
  const calls = builder.items.filter(({ type }) => type === "call");
  const index = indexOrNull(delta.index);
  const id = textOrNull(delta.id);
  const place = { type: "call", index: null, id, callId: null } as const;
  const known =
    index === null
      ? ((id ? calls.find(({ ids }) => ids.has(id)) : undefined) ?? (name ? undefined : calls.at(-1)))
      : calls.findLast((call) => call.fields.index === index);
  if (known && !isNextCall(known, tools, { id, name })) return known;
  const item = builder.insert(place, builder.items.length);
  item.fields = { index };
  return item;
}

/** Some servers give all calls the same index: a complete call is followed by another one with an id or a name of its own. */
function isNextCall(
  known: ToldItem,
  tools: readonly string[],
  { id, name }: { id: string | null; name: string | null },
): boolean {
  if (!name || (id && known.ids.has(id))) return false;
  if (!id && isRestOfName(known, name, tools)) return false;
  if (name !== known.name && known.name !== "") return true;
  return id !== null && id !== "" && areComplete(known.wholeArguments ?? known.argumentPieces);
}

/** Few servers tell even the name in pieces. */
function isRestOfName({ name, argumentPieces }: ToldItem, rest: string, tools: readonly string[]): boolean {
  return name !== rest && argumentPieces === "" && tools.some((tool) => tool.startsWith(name + rest));
}

function toAnswer({ builder, thinking, finishReason, usage }: Reading): StreamedAnswer {
  const reason = CUT_SHORT.get((finishReason ?? "").toLowerCase());
  const built = builder.end();
  const isSentBack = Object.keys(thinking).length > 0 && built.calls.length > 0;
  const thought = isSentBack ? [{ type: "chat_reasoning", thinking: storable(thinking) }] : [];
  return {
    ...built,
    items: [...thought, ...built.items],
    outcome: reason ? { status: "incomplete", reason } : { status: "completed" },
    usage: readUsage(usage),
  };
}

/** Reasons for an answer that was cut short, by the words of the Responses API. */
const CUT_SHORT: ReadonlyMap<string, string> = new Map([
  ["length", "max_output_tokens"],
  ["max_tokens", "max_output_tokens"],
  ["model_length", "max_output_tokens"],
  ["content_filter", "content_filter"],
  ["safety", "content_filter"],
  ["recitation", "content_filter"],
  ["prohibited_content", "content_filter"],
]);
