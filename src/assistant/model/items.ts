/**
 * What the model's items say, how they are stored, and what of them may go back: they come from outside, and may hold
 * anything.
 */
import { storable } from "../../db/storable.ts";
import { MAX_ARGUMENTS_CHARACTERS, MAX_ARGUMENTS_LEVELS } from "../limits.ts";

/** A tool call as the model wrote it, but for what is longer than any good one. */
export interface SaidCall {
  /** Empty where the model gave none that can go back. */
  callId: string;
  name: string;
  arguments: string;
}

/** An item as it may be stored and go back, and the call that it is. */
export interface SaidItem {
  item: object;
  call: SaidCall | null;
}

/** By the API's schema: of a tool's name and of an id. */
const MAX_NAME_CHARACTERS = 64;
const ID = /^[\x21-\x7e]{1,64}$/;
const STATUSES: readonly unknown[] = ["in_progress", "completed", "incomplete"];
const PHASES: readonly unknown[] = ["commentary", "final_answer"];

/** Whether a value of JSON is an object, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads one item of an answer, whatever it is: of the kinds that a conversation with our tools has, the fields that the API
 * takes back (specs of the Responses API, `InputItem`), each as it was said where it is valid, mended or left out where not.
 *
 * @returns null for any other kind, for a message without text, and for reasoning that could not go back.
 */
export function readItem(value: unknown): SaidItem | null {
  const said = storable(value);
  if (!isRecord(said)) return null;
  switch (said.type) {
    case "function_call":
      return readCall(said);
    case "message":
      return readMessage(said);
    case "reasoning":
      return readReasoning(said);
    default:
      return null;
  }
}

function readMessage(said: Record<string, unknown>): SaidItem | null {
  const content = Array.isArray(said.content) ? said.content.flatMap(readPart) : [];
  if (content.length === 0) return null;
  const phase = PHASES.includes(said.phase) ? { phase: said.phase } : {};
  return { item: { type: "message", role: "assistant", ...marksOf(said, "msg"), ...phase, content }, call: null };
}

/** A part by what it holds: some servers name it otherwise. */
function readPart(part: unknown): object[] {
  if (!isRecord(part)) return [];
  const { text, refusal, annotations } = part;
  if (typeof text === "string")
    return [{ type: "output_text", text, annotations: Array.isArray(annotations) ? annotations : [] }];
  return typeof refusal === "string" ? [{ type: "refusal", refusal }] : [];
}

function readReasoning(said: Record<string, unknown>): SaidItem | null {
  const { summary, content, encrypted_content: encrypted } = said;
  const marks = marksOf(said, "rs");
  if (!("id" in marks) || !Array.isArray(summary)) return null;
  const item = {
    type: "reasoning",
    ...marks,
    summary,
    ...(Array.isArray(content) ? { content } : {}),
    ...(typeof encrypted === "string" || encrypted === null ? { encrypted_content: encrypted } : {}),
  };
  return { item, call: null };
}

function readCall(said: Record<string, unknown>): SaidItem {
  const name = textOf(said.name);
  const callId = typeof said.call_id === "string" && ID.test(said.call_id) ? said.call_id : "";
  const written = textOf(said.arguments);
  const call = { callId, name: cutTo(name, MAX_NAME_CHARACTERS), arguments: cutTo(written, MAX_ARGUMENTS_CHARACTERS) };
  const sentName = name.replace(/[^\w-]/g, "_").slice(0, MAX_NAME_CHARACTERS) || "_";
  const marks = marksOf(said, "fc");
  const sent = { call_id: callId, name: sentName, arguments: sendableArguments(written) };
  return { item: { type: "function_call", ...marks, ...sent }, call };
}

/** Its id, where it begins as the API's do, and its status; both may be missing. */
function marksOf({ id, status }: Record<string, unknown>, prefix: string): { id?: string; status?: unknown } {
  return {
    ...(typeof id === "string" && id.startsWith(prefix) && ID.test(id) ? { id } : {}),
    ...(STATUSES.includes(status) ? { status } : {}),
  };
}

/**
 * The arguments of a call for its tool: the JSON value, or the text that was written where that is no JSON or null,
 * longer than `MAX_ARGUMENTS_CHARACTERS` or nested deeper than `MAX_ARGUMENTS_LEVELS`.
 */
export function parseArguments(written: string): unknown {
  if (written.length > MAX_ARGUMENTS_CHARACTERS) return written;
  try {
    const value: unknown = JSON.parse(written);
    return value === null || isDeeperThan(value, MAX_ARGUMENTS_LEVELS) ? storable(written) : storable(value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return storable(written);
  }
}

/** As they were written where they are an object that can be stored: a server reads them again. */
function sendableArguments(written: string): string {
  const value = parseArguments(written);
  if (!isRecord(value)) return "{}";
  const sendable = JSON.stringify(value);
  return sendable === JSON.stringify(JSON.parse(written)) ? written : sendable;
}

/** The text of a message, refusals too; none of any other item. */
export function textsOf(item: object): string[] {
  if (!("type" in item) || item.type !== "message" || !("content" in item) || !Array.isArray(item.content)) return [];
  const text = item.content
    .map((part: { text?: string; refusal?: string }) => part.text ?? part.refusal ?? "")
    .join("");
  return text === "" ? [] : [text];
}

/** Some servers give arguments as the object itself. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** One character more, where something is missing, makes it a name of no tool and no JSON. */
function cutTo(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters).toWellFormed()}…`;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(each, levels - 1));
}
