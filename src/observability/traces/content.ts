/**
 * What was said, for those who ask for it: items of the Responses API as the messages of OpenTelemetry's GenAI conventions,
 * written as JSON. Its length is limited, and secrets are cut from it as from the log.
 */
import { withoutSecrets } from "../logger.ts";
import type { TracedAnswer } from "../tracer.ts";

/** Characters of one text, and of one list of messages. Spans wait in memory while the collector is away. */
const MAX_TEXT_CHARACTERS = 8_000;
const MAX_MESSAGES_CHARACTERS = 24_000;

type Attributes = Record<string, string>;

interface Message {
  role: string;
  parts: object[];
  finish_reason?: string;
}

export function inputContent({
  instructions,
  input,
}: {
  readonly instructions: string;
  readonly input: readonly object[];
}): Attributes {
  return {
    "gen_ai.system_instructions": toJson([{ type: "text", content: cut(instructions) }]),
    "gen_ai.input.messages": toJson(newest(input.flatMap(toMessage))),
  };
}

export function outputContent({ items }: TracedAnswer, finishReason: string): Attributes {
  const parts = newest(items.flatMap(toMessage)).flatMap((message) => message.parts);
  const message: Message = { role: "assistant", parts, finish_reason: finishReason };
  return { "gen_ai.output.messages": toJson([message]) };
}

/** The last message of a person: tools show it as the input of the whole trace. */
export function questionContent(input: readonly object[]): Attributes {
  const question = input.flatMap(toMessage).findLast(({ role }) => role === "user");
  return question ? { "gen_ai.input.messages": toJson([question]) } : {};
}

export function answerContent(text: string): Attributes {
  const parts = [{ type: "text", content: cut(text) }];
  return { "gen_ai.output.messages": toJson([{ role: "assistant", parts }]) };
}

/** A value that is too long becomes the beginning of its JSON, as a text. */
export function toolContent(name: "arguments" | "result", value: unknown): Attributes {
  return { [`gen_ai.tool.call.${name}`]: toJson(bounded(value)) };
}

/** What an error says: it may quote what was said. */
export function errorContent(message: string): string {
  return withoutSecrets(cut(message));
}

/** Reasoning is left out: it is encrypted. */
function toMessage(item: object): Message[] {
  const { type = "message", role, content, call_id: id, ...rest } = item as Record<string, unknown>;
  if (type === "function_call") {
    const part = { type: "tool_call", id, name: rest.name, arguments: bounded(parsed(rest.arguments)) };
    return [{ role: "assistant", parts: [part] }];
  }
  if (type === "function_call_output") {
    return [{ role: "tool", parts: [{ type: "tool_call_response", id, response: bounded(parsed(rest.output)) }] }];
  }
  return type === "message" ? [{ role: String(role), parts: toParts(content) }] : [];
}

function toParts(content: unknown): object[] {
  const texts = Array.isArray(content) ? content.map((part) => part?.text ?? part?.refusal) : [content];
  return texts.filter((text) => typeof text === "string").map((text) => ({ type: "text", content: cut(text) }));
}

/** The last messages that fit, at least one. */
function newest(messages: readonly Message[]): Message[] {
  let left = MAX_MESSAGES_CHARACTERS;
  const first = messages.findLastIndex((message) => {
    left -= JSON.stringify(message).length;
    return left < 0;
  });
  return messages.slice(Math.min(first + 1, messages.length - 1));
}

function parsed(json: unknown): unknown {
  if (typeof json !== "string") return json;
  try {
    return JSON.parse(json);
  } catch {
    // Models write arguments that are not JSON.
    return json;
  }
}

function bounded(value: unknown): unknown {
  const json = JSON.stringify(value) ?? "null";
  return json.length > MAX_TEXT_CHARACTERS ? cut(json) : value;
}

function cut(text: string): string {
  return text.length > MAX_TEXT_CHARACTERS ? `${text.slice(0, MAX_TEXT_CHARACTERS).toWellFormed()}…` : text;
}

function toJson(value: unknown): string {
  return withoutSecrets(JSON.stringify(value) ?? "null");
}
