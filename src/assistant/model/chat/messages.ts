/**
 * Our items as messages of Chat Completions.
 *
 * What an answer said, thought and called becomes one message of the assistant. Three servers refuse the next round without
 * their own data: DeepSeek wants the thinking back (OpenRouter too), Gemini its thought signatures, and Mistral takes only ids of nine letters and
 * digits.
 */
import { createHash } from "node:crypto";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { callExtrasOf } from "../answer/call-extras.ts";
import { recordOf, textOrNull } from "../json.ts";
import type { ModelRequest } from "../model-api.ts";

/** A message of the assistant, with fields that only some servers know. */
interface AssistantMessage {
  role: "assistant";
  content: string | null;
  tool_calls?: object[];
  [thinking: string]: unknown;
}

/**
 * The whole conversation, instructions first. Neighbouring items of the assistant are joined, and so are neighbouring questions:
 * many chat templates insist on turns.
 *
 * `sendsThinking`: whether the thinking goes back with the calls. Some servers refuse it.
 */
export function toMessages(
  { instructions, input }: ModelRequest,
  { sendsThinking }: { sendsThinking: boolean },
): ChatCompletionMessageParam[] {
  const messages: object[] = [{ role: "system", content: instructions }];
  let current: AssistantMessage | null = null;
  for (const item of input.map(recordOf)) {
    if (item.type === "function_call_output" || item.role === "user") {
      current = null;
      addQuestionOrOutput(messages, item);
      continue;
    }
    if (item.type === "chat_reasoning" && !sendsThinking) continue;
    if (!current) {
      current = { role: "assistant", content: null };
      messages.push(current);
    }
    addTo(current, item);
  }
  return messages.filter((message) => !isEmpty(message)) as ChatCompletionMessageParam[];
}

function addTo(message: AssistantMessage, item: Record<string, unknown>): void {
  if (item.type === "function_call") {
    const { name, arguments: written } = item;
    const call = { id: shortId(item.call_id), type: "function", function: { name, arguments: written } };
    message.tool_calls = [...(message.tool_calls ?? []), { ...call, ...callExtrasOf(item) }];
  } else if (item.type === "chat_reasoning") {
    Object.assign(message, recordOf(item.thinking));
  } else if (item.type !== "reasoning") {
    message.content = message.content === null ? contentOf(item) : `${message.content}\n\n${contentOf(item)}`;
  }
}

function addQuestionOrOutput(messages: object[], item: Record<string, unknown>): void {
  const before = messages.at(-1) as { role: string; content: string };
  if (item.role !== "user") messages.push(outputOf(item));
  else if (before.role !== "user") messages.push({ role: "user", content: contentOf(item) });
  else before.content += `\n\n${contentOf(item)}`;
}

function outputOf({ call_id: callId, output }: Record<string, unknown>): object {
  return { role: "tool", tool_call_id: shortId(callId), content: output };
}

/** Of an answer that only thought. */
function isEmpty(message: object): boolean {
  const { role, content, tool_calls: calls } = message as Partial<AssistantMessage>;
  return role === "assistant" && !content && !calls;
}

function contentOf({ content }: Record<string, unknown>): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => textOrNull(recordOf(part).text) ?? textOrNull(recordOf(part).refusal) ?? "").join("");
}

/** The same nine letters and digits for the same id. */
function shortId(callId: unknown): string {
  const digest = createHash("sha256").update(String(callId)).digest("base64");
  return digest.replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 9);
}
