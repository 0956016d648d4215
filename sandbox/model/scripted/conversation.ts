/** Reads a request as a conversation: today's date, the language, the question, earlier questions and tool results. */

import { isObject, type JsonObject } from "../check-values.ts";
import type { InputItem, ModelRequestBody } from "../turn.ts";
import { detectLanguage, type Language } from "./language.ts";
import { readText } from "./tool-output.ts";

/** One tool call of the current run and its output. */
export interface ToolResult {
  readonly name: string;
  /** The ISO date in its arguments, if any. */
  readonly date: string | null;
  /** The output as JSON; `{ error }` when the tool failed or its output cannot be parsed. */
  readonly output: JsonObject;
}

export interface Conversation {
  readonly today: Temporal.PlainDate;
  /** The language of the question, or the person's own if the question does not show one. */
  readonly language: Language;
  readonly question: string;
  /** The person's earlier questions in this thread, newest first. */
  readonly earlierQuestions: readonly string[];
  /** The tool results of the current run, in the order of the calls. */
  readonly toolResults: readonly ToolResult[];
}

export function readConversation(body: ModelRequestBody): Conversation {
  const items: readonly InputItem[] =
    typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input;
  const questions = items.filter((item) => item.role === "user").map((item) => withoutQuote(textOf(item.content)));
  const question = questions.at(-1) ?? "";
  const instructions = body.instructions ?? "";
  return {
    today: readToday(instructions),
    language: detectLanguage(question, readPersonLanguage(instructions)),
    question,
    earlierQuestions: questions.slice(0, -1).reverse(),
    toolResults: readToolResults(items.slice(items.findLastIndex((item) => item.role === "user") + 1)),
  };
}

/** What a person replied to is one line before the question. This Assistant would take its words for a part of the question. */
function withoutQuote(content: string): string {
  return content.replace(/^The person replied to .*\n\n/, "");
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  const parts: readonly unknown[] = Array.isArray(content) ? content : [];
  return parts.map((part) => (isObject(part) && typeof part.text === "string" ? part.text : "")).join("\n");
}

/** The prompt has a line `Today is Sunday, 2026-11-22.`; without it the machine's date is used. */
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
      output: parseObject(outputs.get(call.call_id) ?? "") ?? { error: "the output could not be parsed" },
    }));
}

/** Null if the text is not a JSON object. */
function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
