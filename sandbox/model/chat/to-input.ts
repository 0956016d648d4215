/** A request of Chat Completions as one of the Responses API, so that the same scripts answer both. */
import type { InputItem, ModelRequestBody } from "../turn.ts";
import type { ChatMessage, ChatRequestBody } from "./check-chat-request.ts";

export function toModelRequest(body: ChatRequestBody): ModelRequestBody {
  const { model, messages, stream = false, tools = [] } = body;
  const isInstruction = ({ role }: ChatMessage) => role === "system" || role === "developer";
  const limit = body.max_completion_tokens ?? body.max_tokens;
  return {
    model,
    stream,
    instructions: messages
      .filter(isInstruction)
      .map(({ content }) => textOf(content))
      .join("\n\n"),
    input: messages.filter((message) => !isInstruction(message)).flatMap(toItems),
    tools: tools.map(({ function: tool }) => ({ type: "function" as const, ...tool })),
    ...(limit ? { max_output_tokens: limit } : {}),
    ...(body.tool_choice === undefined ? {} : { tool_choice: body.tool_choice }),
  };
}

function toItems(message: ChatMessage): InputItem[] {
  const { content, role, tool_call_id: callId, tool_calls: calls = [] } = message;
  if (role === "tool") return [{ type: "function_call_output", call_id: String(callId), output: textOf(content) }];
  const said = content ? [{ role, content: textOf(content) }] : [];
  const called = calls.map(({ id, function: { name, arguments: written } }) => ({
    type: "function_call",
    call_id: id,
    name,
    arguments: written,
  }));
  return [...said, ...called];
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map((part: { text?: unknown }) => String(part.text ?? "")).join("") : "";
}
