/** A whole answer of Chat Completions, for a request without streaming. */
import type { OutputItem } from "../response-object.ts";
import type { TurnResult } from "../turn-steps.ts";
import type { ChatRequestBody } from "./check-chat-request.ts";
import { usageOf } from "./chunks.ts";

export function toCompletion({ model }: ChatRequestBody, { output, response }: TurnResult): object {
  const { incomplete_details: cut, usage } = response as {
    incomplete_details: { reason: string } | null;
    usage: Parameters<typeof usageOf>[0];
  };
  const calls = output.filter(({ type }) => type === "function_call").map(toCall);
  const reason = cut
    ? cut.reason === "max_output_tokens"
      ? "length"
      : cut.reason
    : calls.length > 0
      ? "tool_calls"
      : "stop";
  const message = { role: "assistant", content: partsOf(output, "text"), refusal: partsOf(output, "refusal") };
  return {
    id: "chatcmpl-stand-in",
    object: "chat.completion",
    created: 0,
    model,
    choices: [
      { index: 0, message: { ...message, ...(calls.length > 0 ? { tool_calls: calls } : {}) }, finish_reason: reason },
    ],
    usage: usageOf(usage),
  };
}

function toCall({ arguments: written, call_id: id, name }: OutputItem): object {
  return { id, type: "function", function: { name, arguments: written } };
}

function partsOf(output: readonly OutputItem[], field: "text" | "refusal"): string | null {
  const parts = output.flatMap(({ content }) => (Array.isArray(content) ? (content as Record<string, unknown>[]) : []));
  const text = parts.map((part) => part[field] ?? "").join("");
  return text === "" ? null : text;
}
