/** What the scripted assistant can know from a request: today, the language, the question, what was asked before, tool results. */

import { isObject, type JsonObject } from "../check-values.ts";
import type { InputItem, ModelRequestBody } from "../turn.ts";
import { detectLanguage, type Language } from "./language.ts";
import { readText } from "./tool-output.ts";

/** One call of the current run and what came of it. */
export interface ToolResult {
  readonly name: string;
  /** The day it was asked about, ISO, where its arguments name one. */
  readonly date: string | null;
  /** The output as JSON; `{ error }` when the tool failed or its output cannot be read. */
  readonly output: JsonObject;
}

export interface Conversation {
  readonly today: Temporal.PlainDate;
  /** Of the question; the person's own where the question does not show it. */
  readonly language: Language;
  readonly question: string;
  /** What the person asked before in this thread, newest first. */
  readonly earlierQuestions: readonly string[];
  /** Of the current run, in the order of the calls. */
  readonly toolResults: readonly ToolResult[];
}

export function readConversation(body: ModelRequestBody): Conversation {
  const items: readonly InputItem[] =
    typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input;
  const asked = items.filter((item) => item.role === "user").map((item) => textOf(item.content));
  const question = asked.at(-1) ?? "";
  const instructions = body.instructions ?? "";
  return {
    today: readToday(instructions),
    language: detectLanguage(question, readPersonLanguage(instructions)),
    question,
    earlierQuestions: asked.slice(0, -1).reverse(),
    toolResults: readToolResults(items.slice(items.findLastIndex((item) => item.role === "user") + 1)),
  };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  const parts: readonly unknown[] = Array.isArray(content) ? content : [];
  return parts.map((part) => (isObject(part) && typeof part.text === "string" ? part.text : "")).join("\n");
}

/** The prompt says `Today is Sunday, 2026-11-22.`; without that line the machine's own day has to do. */
function readToday(instructions: string): Temporal.PlainDate {
  const found = /^Today is \w+, (\d{4}-\d{2}-\d{2})\.$/m.exec(instructions)?.[1];
  return found === undefined ? Temporal.Now.plainDateISO() : Temporal.PlainDate.from(found);
}

function readPersonLanguage(instructions: string): Language {
  return /^Language of the person: (\w+)/m.exec(instructions)?.[1] === "vi" ? "vi" : "en";
}

function readToolResults(items: readonly InputItem[]): ToolResult[] {
  const outputs = new Map(
    items.filter((item) => item.type === "function_call_output").map((item) => [item.call_id, textOf(item.output)]),
  );
  return items
    .filter((item) => item.type === "function_call")
    .map((call) => ({
      name: call.name ?? "",
      date: readText(parseObject(call.arguments ?? "") ?? {}, "date"),
      output: parseObject(outputs.get(call.call_id) ?? "") ?? { error: "the output could not be read" },
    }));
}

/** Null for what is no JSON object: a tool's output is told as a failure of that tool then. */
function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
