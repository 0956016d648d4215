/**
 * The model's output items: parsed, made storable, and reduced to what may be sent back. They come from outside, and may
 * hold anything.
 */

import { storable } from "../../../db/storable.ts";
import { isRecord } from "../json.ts";
import { cutTo, readArguments, sendableArguments } from "./arguments.ts";
import { callExtrasOf } from "./call-extras.ts";

/** A tool call as the model wrote it, cut where it is longer than any valid one. */
export interface ParsedCall {
  /** Empty when the model gave none that can be sent back. */
  callId: string;
  name: string;
  arguments: string;
}

/** An item as it may be stored and sent back, and the call that it holds. */
export interface ParsedItem {
  item: object;
  call: ParsedCall | null;
}

/** Limits of the API's schema: a tool's name, and an id. */
const MAX_NAME_CHARACTERS = 64;
const ID = /^[\w-]{1,64}$/;
const STATUSES: readonly unknown[] = ["in_progress", "completed", "incomplete"];
const PHASES: readonly unknown[] = ["commentary", "final_answer"];

/**
 * Parses one item of an answer. Takes the types that a conversation with our tools has, and of them the fields that the API
 * accepts back (`InputItem` in the spec of the Responses API). Valid fields stay as they are; others are repaired or left out.
 *
 * @returns null for any other type, for a message without text, and for reasoning that could not be sent back.
 */
export function readItem(value: unknown): ParsedItem | null {
  const source = storable(value);
  if (!isRecord(source)) return null;
  switch (source.type) {
    case "function_call":
      return readCall(source);
    case "message":
      return readMessage(source);
    case "reasoning":
      return readReasoning(source);
    default:
      return null;
  }
}

function readMessage(source: Record<string, unknown>): ParsedItem | null {
  const content = Array.isArray(source.content) ? source.content.flatMap(readPart) : [];
  if (content.length === 0) return null;
  const phase = PHASES.includes(source.phase) ? { phase: source.phase } : {};
  return { item: { type: "message", role: "assistant", ...idAndStatus(source, "msg"), ...phase, content }, call: null };
}

/** A part, by its fields: some servers use other names for its type. */
function readPart(part: unknown): object[] {
  if (!isRecord(part)) return [];
  const { text, refusal, annotations } = part;
  if (typeof text === "string")
    return [{ type: "output_text", text, annotations: Array.isArray(annotations) ? annotations : [] }];
  return typeof refusal === "string" ? [{ type: "refusal", refusal }] : [];
}

function readReasoning(source: Record<string, unknown>): ParsedItem | null {
  const { summary, content, encrypted_content: encrypted } = source;
  const common = idAndStatus(source, "rs");
  if (!("id" in common) || !Array.isArray(summary)) return null;
  const item = {
    type: "reasoning",
    ...common,
    summary,
    ...(Array.isArray(content) ? { content } : {}),
    ...(typeof encrypted === "string" || encrypted === null ? { encrypted_content: encrypted } : {}),
  };
  return { item, call: null };
}

function readCall(source: Record<string, unknown>): ParsedItem {
  const name = textOf(source.name);
  const callId = typeof source.call_id === "string" && ID.test(source.call_id) ? source.call_id : "";
  const written = readArguments(source.arguments);
  const call = { callId, name: cutTo(name, MAX_NAME_CHARACTERS), arguments: written };
  const sentName = name.replace(/[^\w-]/g, "_").slice(0, MAX_NAME_CHARACTERS) || "_";
  const common = idAndStatus(source, "fc");
  const sent = { call_id: callId, name: sentName, arguments: sendableArguments(written) };
  return { item: { type: "function_call", ...common, ...sent, ...callExtrasOf(source) }, call };
}

/** Its id, if it begins as the API's ids do, and its status; both may be missing. */
function idAndStatus({ id, status }: Record<string, unknown>, prefix: string): { id?: string; status?: unknown } {
  return {
    ...(typeof id === "string" && id.startsWith(prefix) && ID.test(id) ? { id } : {}),
    ...(STATUSES.includes(status) ? { status } : {}),
  };
}

/** The text of a message, refusals included; empty for any other item. */
export function textsOf(item: object): string[] {
  if (!("type" in item) || item.type !== "message" || !("content" in item) || !Array.isArray(item.content)) return [];
  const text = item.content
    .map((part: { text?: string; refusal?: string }) => part.text ?? part.refusal ?? "")
    .join("");
  return text === "" ? [] : [text];
}

/** Some servers send other values than text. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
